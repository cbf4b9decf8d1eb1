#include "services/notification/channels/http_client.h"

#include <curl/curl.h>

#include <deque>
#include <map>
#include <mutex>
#include <thread>

namespace epigrid::notification {
namespace {

long Millis(Duration duration) {
  return static_cast<long>(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count());
}

// What the receiver answers in its body is of no interest.
size_t Discard(char*, size_t size, size_t count, void*) { return size * count; }

std::string ReasonOf(CURLcode code) {
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT: return "TIMEOUT";
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION: return "TLS";
    default: return "CONNECTION";
  }
}

struct Transfer {
  std::string url;
  std::vector<std::string> headers;
  std::string body;
  Promise<HttpResponse> done;
  curl_slist* header_list = nullptr;

  ~Transfer() { curl_slist_free_all(header_list); }
};

}  // namespace

class HttpClient::Loop {
 public:
  explicit Loop(HttpClientOptions options) : options_(options), multi_(curl_multi_init()) {
    EPIGRID_CHECK(multi_ != nullptr, "libcurl starts");
    curl_multi_setopt(multi_, CURLMOPT_MAX_HOST_CONNECTIONS, options_.connections_per_host_max);
    thread_ = std::thread([this] { Run(); });
  }

  ~Loop() {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    curl_multi_wakeup(multi_);
    thread_.join();
    for (CURL* idle : idle_) curl_easy_cleanup(idle);
    curl_multi_cleanup(multi_);
  }

  void Enqueue(std::unique_ptr<Transfer> transfer) {
    {
      std::lock_guard lock(mutex_);
      queue_.push_back(std::move(transfer));
    }
    curl_multi_wakeup(multi_);
  }

 private:
  void Run() {
    for (;;) {
      if (!StartQueued()) break;
      int running = 0;
      curl_multi_perform(multi_, &running);
      Finish();
      curl_multi_poll(multi_, nullptr, 0, 1000, nullptr);
    }
    for (auto& [easy, transfer] : active_) {
      curl_multi_remove_handle(multi_, easy);
      curl_easy_cleanup(easy);
      transfer->done.Set({.code = 0, .reason = "SHUTTING_DOWN"});
    }
    for (auto& transfer : queue_) transfer->done.Set({.code = 0, .reason = "SHUTTING_DOWN"});
  }

  // False: the client is being destroyed.
  bool StartQueued() {
    std::lock_guard lock(mutex_);
    while (!stopping_ && !queue_.empty() &&
           active_.size() < static_cast<size_t>(options_.in_flight_max)) {
      Start(std::move(queue_.front()));
      queue_.pop_front();
    }
    return !stopping_;
  }

  void Start(std::unique_ptr<Transfer> transfer) {
    CURL* easy = idle_.empty() ? curl_easy_init() : idle_.back();
    EPIGRID_CHECK(easy != nullptr, "libcurl makes a handle");
    if (!idle_.empty()) idle_.pop_back();
    curl_easy_reset(easy);
    for (const std::string& header : transfer->headers) {
      transfer->header_list = curl_slist_append(transfer->header_list, header.c_str());
    }
    curl_easy_setopt(easy, CURLOPT_URL, transfer->url.c_str());
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer->header_list);
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, transfer->body.data());
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, static_cast<long>(transfer->body.size()));
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, Discard);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, Millis(options_.timeout));
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, Millis(options_.connect_timeout));
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_multi_add_handle(multi_, easy);
    active_.emplace(easy, std::move(transfer));
  }

  void Finish() {
    int left = 0;
    while (CURLMsg* message = curl_multi_info_read(multi_, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      CURL* easy = message->easy_handle;
      HttpResponse response;
      long code = 0;
      if (message->data.result == CURLE_OK) {
        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &code);
        response.code = static_cast<int>(code);
      } else {
        response.reason = ReasonOf(message->data.result);
      }
      curl_multi_remove_handle(multi_, easy);
      idle_.push_back(easy);
      const auto found = active_.find(easy);
      const std::unique_ptr<Transfer> transfer = std::move(found->second);
      active_.erase(found);
      transfer->done.Set(std::move(response));
    }
  }

  const HttpClientOptions options_;
  CURLM* const multi_;
  std::thread thread_;

  std::mutex mutex_;  // for the next two
  std::deque<std::unique_ptr<Transfer>> queue_;
  bool stopping_ = false;

  std::map<CURL*, std::unique_ptr<Transfer>> active_;
  std::vector<CURL*> idle_;
};

HttpClient::HttpClient(HttpClientOptions options) : loop_(std::make_unique<Loop>(options)) {}

HttpClient::~HttpClient() = default;

Future<HttpResponse> HttpClient::Post(std::string url, std::vector<std::string> headers,
                                      std::string body) {
  auto transfer = std::make_unique<Transfer>();
  transfer->url = std::move(url);
  transfer->headers = std::move(headers);
  transfer->body = std::move(body);
  Future<HttpResponse> done = transfer->done.future();
  loop_->Enqueue(std::move(transfer));
  return done;
}

}  // namespace epigrid::notification
