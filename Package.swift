// swift-tools-version: 6.2
import PackageDescription

/// Settings that every Swift target shares: no implicit `any`, no member without its module's
/// import, and a warning is an error.
let house: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .treatAllWarnings(as: .error),
]

/// Modules that never touch raw memory: the compiler refuses an unsafe construct in them.
let safe: [SwiftSetting] = house + [.strictMemorySafety()]

let argumentParser: Target.Dependency = .product(
  name: "ArgumentParser", package: "swift-argument-parser")
let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")

/// A layer of the library; `docs/ARCHITECTURE.md` has the picture. An arrow only ever points down.
func layer(
  _ name: String, uses dependencies: [Target.Dependency], settings: [SwiftSetting] = safe
) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

/// The tests of one module.
func tests(
  of name: String, uses dependencies: [Target.Dependency] = [], resources: [Resource] = []
) -> Target {
  .testTarget(
    name: name + "Tests", dependencies: [.init(stringLiteral: name)] + dependencies,
    resources: resources, swiftSettings: house)
}

let package = Package(
  name: "halter",
  platforms: [.macOS(.v15)],
  products: [
    .executable(name: "halter", targets: ["halter"])
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    // Tests only: the small HTTP server that stands in for a model hub.
    .package(url: "https://github.com/swhitty/FlyingFox", from: "0.27.1"),
  ],
  targets: [
    // C: SIMD kernels, and a system library.
    .target(name: "CHalterKernels", linkerSettings: [.linkedLibrary("m")]),
    .systemLibrary(name: "CHDF5", pkgConfig: "hdf5", providers: [.apt(["libhdf5-dev"])]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),

    // The ground: no dependencies.
    layer("HalterJSON", uses: []),
    layer("HalterRandom", uses: []),

    // The engine.
    layer("HalterBackend", uses: ["CHalterKernels"], settings: house),
    layer("HalterTensor", uses: ["HalterBackend"]),

    // Parts: layers, optimisers, bytes on disk, text.
    layer("HalterNN", uses: ["HalterBackend", "HalterTensor"]),
    layer("HalterOptim", uses: ["HalterBackend", "HalterTensor"]),
    layer(
      "HalterFormats", uses: ["HalterJSON", "CHDF5", "CZlib", crypto], settings: house),
    layer("HalterTokenizers", uses: ["HalterJSON"]),

    // Models, adapters, data.
    layer(
      "HalterModels",
      uses: [
        "HalterBackend", "HalterFormats", "HalterNN", "HalterRandom", "HalterTensor",
        "HalterTokenizers",
      ]),
    layer(
      "HalterAdapters",
      uses: ["HalterBackend", "HalterFormats", "HalterNN", "HalterRandom", "HalterTensor"]),
    layer(
      "HalterData", uses: ["HalterFormats", "HalterJSON", "HalterRandom", "HalterTokenizers"]),
    layer("HalterHub", uses: [crypto], settings: house),

    // The training loop, and the place where everything meets.
    layer(
      "HalterTraining",
      uses: [
        "HalterAdapters", "HalterBackend", "HalterData", "HalterFormats", "HalterJSON",
        "HalterModels", "HalterNN", "HalterOptim", "HalterRandom", "HalterTensor",
        "HalterTokenizers",
      ]),
    layer(
      "HalterRecipes",
      uses: [
        "HalterAdapters", "HalterBackend", "HalterData", "HalterFormats", "HalterHub",
        "HalterJSON", "HalterModels", "HalterNN", "HalterOptim", "HalterTensor",
        "HalterTokenizers", "HalterTraining", crypto, "Yams",
      ]),
    .executableTarget(
      name: "halter",
      dependencies: [
        "HalterAdapters", "HalterBackend", "HalterData", "HalterFormats", "HalterHub",
        "HalterModels", "HalterRecipes", "HalterTokenizers", "HalterTraining", argumentParser,
      ], swiftSettings: house),

    // Measures the engine; `make bench` builds and runs it.
    .target(name: "CPeaks", path: "Benchmarks/CPeaks"),
    .executableTarget(
      name: "halter-bench",
      dependencies: ["CPeaks", "HalterBackend", "HalterRandom", "HalterTensor", argumentParser],
      path: "Benchmarks/halter-bench", swiftSettings: house),

    // Tests: one target per module, and the golden values of the reference libraries.
    tests(of: "HalterJSON", uses: ["HalterRandom"]),
    tests(of: "HalterRandom"),
    tests(of: "CHalterKernels"),
    tests(of: "HalterFormats", resources: [.copy("Fixtures")]),
    tests(of: "HalterTokenizers", resources: [.copy("Fixtures")]),
    tests(
      of: "HalterData",
      uses: ["HalterFormats", "HalterJSON", "HalterRandom", "HalterTokenizers"],
      resources: [.copy("Fixtures")]),
    tests(
      of: "HalterHub",
      uses: [
        crypto, .product(name: "FlyingFox", package: "FlyingFox"),
        .product(name: "FlyingSocks", package: "FlyingFox"),
      ]),
    tests(
      of: "HalterTraining",
      uses: [
        "HalterAdapters", "HalterBackend", "HalterData", "HalterFormats", "HalterModels",
        "HalterNN", "HalterOptim", "HalterRandom", "HalterTensor", "HalterTokenizers",
      ]),
    tests(
      of: "HalterRecipes",
      uses: [
        "HalterAdapters", "HalterBackend", "HalterData", "HalterFormats", "HalterModels",
        "HalterNN", "HalterTensor", "HalterTraining",
      ], resources: [.copy("Fixtures")]),
    tests(of: "HalterBackend", uses: ["HalterRandom"]),
    tests(of: "HalterTensor", uses: ["HalterBackend", "HalterRandom"]),
    tests(of: "HalterNN", uses: ["HalterBackend", "HalterRandom", "HalterTensor"]),
    tests(of: "HalterOptim", uses: ["HalterBackend", "HalterRandom", "HalterTensor"]),
    .testTarget(
      name: "ParityTests",
      dependencies: [
        "HalterAdapters", "HalterBackend", "HalterData", "HalterFormats", "HalterJSON",
        "HalterModels", "HalterNN", "HalterOptim", "HalterRandom", "HalterTensor",
        "HalterTokenizers", "HalterTraining",
      ], resources: [.copy("Fixtures")], swiftSettings: house),
    // Runs the built command as a user would.
    .testTarget(name: "CommandLineTests", dependencies: ["halter"], swiftSettings: house),
  ]
)
