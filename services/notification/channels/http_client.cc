#include "services/notification/channels/http_client.h"

#include <curl/curl.h>

#include <algorithm>
#include <deque>
#include <map>
#include <mutex>
#include <thread>

namespace epigrid::notification {
namespace {

using SteadyTime = std::chrono::steady_clock::time_point;

// Of all URLs; libcurl would let go of connections whenever few calls are under way.
constexpr long kConnectionsKeptMax = 256;

long Millis(Duration duration) {
  return static_cast<long>(std::chrono::ceil<std::chrono::milliseconds>(duration).count());
}

// What the receiver answers in its body is of no interest.
size_t Discard(char*, size_t size, size_t count, void*) { return size * count; }

std::string ReasonOf(CURLcode code) {
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT: return "TIMEOUT";
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_PEER_FAILED_VERIFICATION: return "TLS";
    default: return "CONNECTION";
  }
}

struct Transfer {
  std::string url;
  std::vector<std::string> headers;
  std::string body;
  SteadyTime start_by;
  Promise<HttpResponse> done;
  curl_slist* header_list = nullptr;

  ~Transfer() { curl_slist_free_all(header_list); }
};
using TransferPtr = std::unique_ptr<Transfer>;

// What goes to one URL.
struct Lane {
  std::deque<TransferPtr> waiting;  // in the order of start_by
  size_t active = 0;
};

}  // namespace

class HttpClient::Loop {
 public:
  explicit Loop(HttpClientOptions options) : options_(options), multi_(curl_multi_init()) {
    EPIGRID_CHECK(multi_ != nullptr, "libcurl starts");
    curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, kConnectionsKeptMax);
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

  Future<HttpResponse> Enqueue(TransferPtr transfer) {
    transfer->start_by = std::chrono::steady_clock::now() + options_.timeout;
    Future<HttpResponse> done = transfer->done.future();
    {
      std::lock_guard lock(mutex_);
      if (under_way_ >= options_.queued_max) {
        return Ready(HttpResponse{.code = 0, .reason = "QUEUE_FULL", .called = false});
      }
      ++under_way_;
      arrived_.push_back(std::move(transfer));
    }
    curl_multi_wakeup(multi_);
    return done;
  }

 private:
  void Run() {
    while (TakeArrived()) {
      const SteadyTime now = std::chrono::steady_clock::now();
      SteadyTime next = now + std::chrono::seconds(1);
      for (auto lane = lanes_.begin(); lane != lanes_.end();) {
        StartWaiting(lane->second, now);
        if (!lane->second.waiting.empty()) {
          next = std::min(next, lane->second.waiting.front()->start_by);
        }
        const bool done = lane->second.waiting.empty() && lane->second.active == 0;
        lane = done ? lanes_.erase(lane) : std::next(lane);
      }
      int running = 0;
      curl_multi_perform(multi_, &running);
      if (FinishDone()) continue;  // there is room for what waits
      const auto wait = std::chrono::ceil<std::chrono::milliseconds>(next - now);
      curl_multi_poll(multi_, nullptr, 0, static_cast<int>(wait.count()), nullptr);
    }
    for (auto& [easy, transfer] : active_) {
      curl_multi_remove_handle(multi_, easy);
      curl_easy_cleanup(easy);
      Answer(std::move(transfer), {.code = 0, .reason = "SHUTTING_DOWN"});
    }
    for (auto& [url, lane] : lanes_) {
      for (TransferPtr& transfer : lane.waiting) {
        Answer(std::move(transfer), {.code = 0, .reason = "SHUTTING_DOWN"});
      }
    }
  }

  // False: the client is being destroyed.
  bool TakeArrived() {
    std::lock_guard lock(mutex_);
    for (TransferPtr& transfer : arrived_) {
      lanes_[transfer->url].waiting.push_back(std::move(transfer));
    }
    arrived_.clear();
    return !stopping_;
  }

  void StartWaiting(Lane& lane, SteadyTime now) {
    while (!lane.waiting.empty() && lane.waiting.front()->start_by <= now) {
      TransferPtr late = std::move(lane.waiting.front());
      lane.waiting.pop_front();
      Answer(std::move(late), {.code = 0, .reason = "ENDPOINT_BUSY", .called = false});
    }
    while (!lane.waiting.empty() && lane.active < options_.connections_per_url_max) {
      TransferPtr transfer = std::move(lane.waiting.front());
      lane.waiting.pop_front();
      ++lane.active;
      Start(std::move(transfer));
    }
  }

  void Start(TransferPtr transfer) {
    CURL* easy = idle_.empty() ? curl_easy_init() : idle_.back();
    EPIGRID_CHECK(easy != nullptr, "libcurl makes a handle");
    if (!idle_.empty()) idle_.pop_back();
    curl_easy_reset(easy);
    for (const std::string& header : transfer->headers) {
      transfer->header_list = curl_slist_append(transfer->header_list, header.c_str());
    }
    curl_easy_setopt(easy, CURLOPT_URL, transfer->url.c_str());
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
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

  bool FinishDone() {
    bool any = false;
    int left = 0;
    while (CURLMsg* message = curl_multi_info_read(multi_, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      any = true;
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
      TransferPtr transfer = std::move(found->second);
      active_.erase(found);
      --lanes_[transfer->url].active;
      Answer(std::move(transfer), std::move(response));
    }
    return any;
  }

  void Answer(TransferPtr transfer, HttpResponse response) {
    {
      std::lock_guard lock(mutex_);
      --under_way_;
    }
    transfer->done.Set(std::move(response));
  }

  const HttpClientOptions options_;
  CURLM* const multi_;
  std::thread thread_;

  std::mutex mutex_;  // for the next three
  std::vector<TransferPtr> arrived_;
  size_t under_way_ = 0;
  bool stopping_ = false;

  // On the thread alone.
  std::map<std::string, Lane> lanes_;  // by URL
  std::map<CURL*, TransferPtr> active_;
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
  return loop_->Enqueue(std::move(transfer));
}

}  // namespace epigrid::notification
