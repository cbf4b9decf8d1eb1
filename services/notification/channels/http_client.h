// HttpClient: HTTP POSTs by libcurl, many at once on one thread of its own.
//
//   HttpClient http({.timeout = 10s});
//   HttpResponse response = co_await http.Post(url, {"content-type: application/json"}, body);
//
// Connections are kept and used again, a few to each URL; what finds none free waits for one, for
// at most as long as a POST may take, and its own time begins when it is sent: a receiver is never
// blamed for what waited here. No redirect is followed, since an endpoint that moved is the
// operator's to mend and a signed body goes nowhere else; no proxy is taken from the environment.
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
  Duration timeout = std::chrono::seconds(10);  // of waiting for a connection, and of a POST then
  Duration connect_timeout = std::chrono::seconds(3);
  size_t connections_per_url_max = 16;
  size_t queued_max = 10'000;  // calls under way, of all URLs
};

struct HttpResponse {
  int code = 0;        // 0: there was no answer
  std::string reason;  // why not: "TIMEOUT", "CONNECTION", "TLS", "SHUTTING_DOWN", or as below
  // False: the receiver was not called: "QUEUE_FULL", or "ENDPOINT_BUSY": no connection came free.
  bool called = true;
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
