// What the libraries under a process are told once, for good.
#pragma once

namespace epigrid {

// What gRPC and protobuf say goes into the log as lines of ours: redacted, and muted when it
// repeats, since a caller who sends rubbish makes them talk.
void TakeOverLibraryLogs();

// Debian builds Abseil with the search for lock cycles that is meant for debugging: each lock that
// gRPC takes then goes through one graph of the process, which costs near a tenth of a call.
void SwitchOffLockCycleSearch();

}  // namespace epigrid
