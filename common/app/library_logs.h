// What gRPC and protobuf say goes into the log as lines of ours: redacted, and muted when it
// repeats, since a caller who sends rubbish makes them talk.
#pragma once

namespace epigrid {

// For the process, for good.
void TakeOverLibraryLogs();

}  // namespace epigrid
