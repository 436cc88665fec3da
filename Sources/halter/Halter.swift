@main
struct Halter {
  static func main() {}
}
