#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

// Elementary functions under names that do not collide with those of a type's own members.

func logarithm(_ x: Float) -> Float { Float(log(Double(x))) }
func cosine(_ x: Float) -> Float { Float(cos(Double(x))) }
func sine(_ x: Float) -> Float { Float(sin(Double(x))) }
