// HttpClient: HTTP POSTs by libcurl, many at once on one thread of its own.
//
//   HttpClient http({.in_flight_max = 64});
//   HttpResponse response = co_await http.Post(url, {"content-type: application/json"}, body);
//
// Connections are kept and used again. No redirect is followed: an endpoint that moved is the
// operator's to mend, and a signed body goes nowhere else. Threads: Post from any; Futures are set
// on the client's thread. The destructor answers what is under way with "SHUTTING_DOWN".
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/task.h"

namespace epigrid::notification {

struct HttpClientOptions {
  Duration timeout = std::chrono::seconds(10);  // of a whole POST
  Duration connect_timeout = std::chrono::seconds(3);
  long in_flight_max = 64;  // more wait
  long connections_per_host_max = 16;
};

struct HttpResponse {
  int code = 0;        // 0: there was no answer
  std::string reason;  // why not: "TIMEOUT", "CONNECTION", "TLS", "SHUTTING_DOWN"
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
