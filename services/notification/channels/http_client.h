// HttpClient: HTTP POSTs by libcurl, many at once on one thread of its own.
//
//   HttpClient http({.timeout = 10s});
//   HttpResponse response = co_await http.Post(url, {"content-type: application/json"}, body);
//
// Connections are kept and used again, a few to each URL; what finds none waits, and its time runs
// while it waits. No redirect is followed, since an endpoint that moved is the operator's to mend
// and a signed body goes nowhere else; no proxy is taken from the environment.
//
// Threads: Post from any; Futures are set on the client's thread. The destructor answers what is
// under way with "SHUTTING_DOWN".
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/task.h"

namespace epigrid::notification {

struct HttpClientOptions {
  Duration timeout = std::chrono::seconds(10);  // of a whole POST, from the call on
  Duration connect_timeout = std::chrono::seconds(3);
  size_t connections_per_url_max = 16;
  size_t queued_max = 10'000;  // calls under way, of all URLs
};

struct HttpResponse {
  int code = 0;        // 0: there was no answer
  std::string reason;  // why not: "TIMEOUT", "CONNECTION", "TLS", "QUEUE_FULL", "SHUTTING_DOWN"
};

class HttpClient {
 public:
  explicit HttpClient(HttpClientOptions options);
  ~HttpClient();

  Future<HttpResponse> Post(std::string url, std::vector<std::string> headers, std::string body);

 private:
  class Loop;
  std::unique_ptr<Loop> loop_;
};

}  // namespace epigrid::notification
