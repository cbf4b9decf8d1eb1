// WebhookReceiver: a real HTTP server of a test's own, on a free port of 127.0.0.1, that keeps the
// posts that it gets.
//
//   WebhookReceiver receiver([](const WebhookReceiver::Post&) { return 503; });
//   ... a channel posts to receiver.url() ...
//   receiver.AwaitPosts(1);
//
// Threads: the answer function is called on the server's thread; all else from any.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "services/notification/channels/standard_webhook.h"

namespace epigrid::notification {

class WebhookReceiver {
 public:
  struct Post {
    std::string content_type;
    std::string id;
    std::string timestamp;
    std::string signature;
    std::string body;
    uint16_t client_port = 0;  // names the connection
  };
  // Instead of a status: no answer is given before ReleaseHeld.
  static constexpr int kHold = 0;
  // The HTTP status to answer with.
  using Answer = std::function<int(const Post&)>;

  explicit WebhookReceiver(Answer answer = [](const Post&) { return 200; });
  ~WebhookReceiver();

  std::string url() const;
  std::vector<Post> posts() const;
  // Waits until there are so many; the test's own timeout ends it.
  std::vector<Post> AwaitPosts(size_t count) const;
  // Answers what is held with 200, and holds nothing any more.
  void ReleaseHeld();

  // Whether the post was signed with the secret.
  static bool IsSignedBy(const WebhookSecret& secret, const Post& post);

 private:
  struct Server;
  std::unique_ptr<Server> server_;
};

}  // namespace epigrid::notification
