import Testing

/// Everything that opens sockets or starts processes.
@Suite enum HubTests {}
