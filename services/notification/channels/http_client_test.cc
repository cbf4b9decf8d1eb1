#include "services/notification/channels/http_client.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <set>

#include "services/notification/channels/testing/webhook_receiver.h"

namespace epigrid::notification {
namespace {

using std::chrono::milliseconds;
using Post = WebhookReceiver::Post;

// A port of 127.0.0.1 that nobody listens on while the object lives.
class UnusedPort {
 public:
  UnusedPort() : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    address_.sin_family = AF_INET;
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address_);
    EPIGRID_CHECK(::bind(fd_, reinterpret_cast<sockaddr*>(&address_), size) == 0, "a port is free");
    ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address_), &size);
  }
  ~UnusedPort() { ::close(fd_); }
  std::string url() const {
    return "http://127.0.0.1:" + std::to_string(ntohs(address_.sin_port)) + "/";
  }

 private:
  const int fd_;
  sockaddr_in address_{};
};

TEST(HttpClientTest, PostsOverConnectionsThatAreKept) {
  WebhookReceiver receiver;
  HttpClient http({.connections_per_url_max = 4});
  for (int round = 0; round < 5; ++round) {
    std::vector<Future<HttpResponse>> under_way;
    for (int i = 0; i < 40; ++i) under_way.push_back(http.Post(receiver.url(), {}, "{}"));
    for (auto& response : under_way) EXPECT_EQ(std::move(response).Wait().code, 200);
  }
  std::set<uint16_t> connections;
  for (const Post& post : receiver.posts()) connections.insert(post.client_port);
  EXPECT_EQ(receiver.posts().size(), 200u);
  EXPECT_LE(connections.size(), 4u);
}

TEST(HttpClientTest, FollowsNoRedirect) {
  WebhookReceiver receiver([](const Post&) { return 302; });
  HttpClient http({});
  EXPECT_EQ(http.Post(receiver.url(), {}, "{}").Wait().code, 302);
  EXPECT_EQ(receiver.posts().size(), 1u);
}

TEST(HttpClientTest, TellsASilentReceiverFromOneThatWasNotCalled) {
  WebhookReceiver receiver([](const Post&) { return WebhookReceiver::kHold; });
  HttpClient http({.timeout = milliseconds(200), .connections_per_url_max = 1});
  std::vector<Future<HttpResponse>> under_way;
  for (int i = 0; i < 5; ++i) under_way.push_back(http.Post(receiver.url(), {}, "{}"));
  const HttpResponse first = std::move(under_way[0]).Wait();
  EXPECT_EQ(first.reason, "TIMEOUT");
  EXPECT_TRUE(first.called);
  // At most one more finds the connection free in its time.
  for (int i = 2; i < 5; ++i) {
    const HttpResponse waited = std::move(under_way[static_cast<size_t>(i)]).Wait();
    EXPECT_EQ(waited.reason, "ENDPOINT_BUSY");
    EXPECT_FALSE(waited.called);
  }
}

TEST(HttpClientTest, ASlowReceiverDelaysNoOther) {
  WebhookReceiver slow([](const Post&) { return WebhookReceiver::kHold; });
  WebhookReceiver fast;
  HttpClient http({.connections_per_url_max = 2});
  std::vector<Future<HttpResponse>> stuck;
  for (int i = 0; i < 50; ++i) stuck.push_back(http.Post(slow.url(), {}, "{}"));
  slow.AwaitPosts(2);
  EXPECT_EQ(http.Post(fast.url(), {}, "{}").Wait().code, 200);
  slow.ReleaseHeld();
  for (auto& response : stuck) EXPECT_EQ(std::move(response).Wait().code, 200);
}

TEST(HttpClientTest, SaysWhyThereWasNoAnswer) {
  const UnusedPort unused;
  WebhookReceiver receiver;
  HttpClient http({});
  EXPECT_EQ(http.Post(unused.url(), {}, "{}").Wait().reason, "CONNECTION");
  EXPECT_EQ(http.Post("file:///etc/hostname", {}, "{}").Wait().reason, "CONNECTION");
  const std::string tls = "https" + receiver.url().substr(4);
  EXPECT_EQ(http.Post(tls, {}, "{}").Wait().reason, "TLS");
}

TEST(HttpClientTest, RefusesMoreThanItsQueueHolds) {
  WebhookReceiver receiver([](const Post&) { return WebhookReceiver::kHold; });
  HttpClient http({.queued_max = 3});
  std::vector<Future<HttpResponse>> taken;
  for (int i = 0; i < 3; ++i) taken.push_back(http.Post(receiver.url(), {}, "{}"));
  EXPECT_EQ(http.Post(receiver.url(), {}, "{}").Wait().reason, "QUEUE_FULL");
  receiver.ReleaseHeld();
  for (auto& response : taken) EXPECT_EQ(std::move(response).Wait().code, 200);
  EXPECT_EQ(http.Post(receiver.url(), {}, "{}").Wait().code, 200);
}

TEST(HttpClientTest, AnswersWhatIsUnderWayWhenDestroyed) {
  WebhookReceiver receiver([](const Post&) { return WebhookReceiver::kHold; });
  auto http = std::make_unique<HttpClient>(HttpClientOptions{.connections_per_url_max = 1});
  Future<HttpResponse> sent = http->Post(receiver.url(), {}, "{}");
  receiver.AwaitPosts(1);
  Future<HttpResponse> waiting = http->Post(receiver.url(), {}, "{}");
  http.reset();
  EXPECT_EQ(std::move(sent).Wait().reason, "SHUTTING_DOWN");
  EXPECT_EQ(std::move(waiting).Wait().reason, "SHUTTING_DOWN");
}

}  // namespace
}  // namespace epigrid::notification
