// Receiver: the phones of a demonstration: an HTTP server that takes webhooks and notes when each
// message arrived.
//
// A message id counts once, however often it comes. Threads: any; the server has its own.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/status.h"

struct MHD_Daemon;

namespace epigrid::demo {

struct Arrival {
  std::string message_id;
  std::string text;
  std::string colour;
  Time at;
};

class Receiver {
 public:
  // On 127.0.0.1; port 0: any that is free. UNAVAILABLE RECEIVER_LISTEN_FAILED.
  static Result<std::unique_ptr<Receiver>> Start(uint16_t port);
  ~Receiver();

  uint16_t port() const;
  // Messages that arrived at or after a time, by arrival.
  std::vector<Arrival> Since(Time begin) const;
  // For the server: a request's body.
  void Take(const std::string& message_id, const std::string& body);

 private:
  Receiver() = default;

  MHD_Daemon* daemon_ = nullptr;
  mutable std::mutex mutex_;
  std::map<std::string, Arrival> arrivals_;  // by message id, the first arrival
};

}  // namespace epigrid::demo
