#include "services/notification/channels/testing/webhook_receiver.h"

#include <fmt/format.h>
#include <microhttpd.h>
#include <netinet/in.h>

#include <condition_variable>
#include <mutex>
#include <utility>

namespace epigrid::notification {
namespace {

std::string HeaderOf(MHD_Connection* connection, const char* name) {
  const char* value = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
  return value == nullptr ? "" : value;
}

MHD_Result AnswerWith(MHD_Connection* connection, int status) {
  static char body[] = "{}";
  MHD_Response* response =
      MHD_create_response_from_buffer(sizeof(body) - 1, body, MHD_RESPMEM_PERSISTENT);
  const MHD_Result result = MHD_queue_response(connection, static_cast<unsigned>(status), response);
  MHD_destroy_response(response);
  return result;
}

// A request on its way.
struct Request {
  WebhookReceiver::Post post;
  bool received = false;
};

}  // namespace

struct WebhookReceiver::Server {
  Answer answer;
  MHD_Daemon* daemon = nullptr;

  std::mutex mutex;  // for what follows
  std::condition_variable changed;
  std::vector<Post> posts;
  std::vector<MHD_Connection*> held;
  bool holding = true;

  static MHD_Result Handle(void* self, MHD_Connection* connection, const char*, const char*,
                           const char*, const char* data, size_t* size, void** state) {
    if (*state == nullptr) {
      *state = new Request;
      return MHD_YES;
    }
    auto& request = *static_cast<Request*>(*state);
    if (*size > 0) {
      request.post.body.append(data, std::exchange(*size, 0));
      return MHD_YES;
    }
    return static_cast<Server*>(self)->Finish(connection, request);
  }

  // Called again when a held connection goes on.
  MHD_Result Finish(MHD_Connection* connection, Request& request) {
    if (request.received) return AnswerWith(connection, 200);
    request.received = true;
    Post& post = request.post;
    post.content_type = HeaderOf(connection, "content-type");
    post.id = HeaderOf(connection, "webhook-id");
    post.timestamp = HeaderOf(connection, "webhook-timestamp");
    post.signature = HeaderOf(connection, "webhook-signature");
    const MHD_ConnectionInfo* info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    post.client_port = ntohs(reinterpret_cast<const sockaddr_in*>(info->client_addr)->sin_port);
    const int status = answer(post);
    std::lock_guard lock(mutex);
    posts.push_back(std::move(post));
    changed.notify_all();
    if (status != kHold) return AnswerWith(connection, status);
    if (!holding) return AnswerWith(connection, 200);
    MHD_suspend_connection(connection);
    held.push_back(connection);
    return MHD_YES;
  }

  static void Completed(void*, MHD_Connection*, void** state, MHD_RequestTerminationCode) {
    delete static_cast<Request*>(*state);
    *state = nullptr;
  }
};

WebhookReceiver::WebhookReceiver(Answer answer) : server_(std::make_unique<Server>()) {
  server_->answer = std::move(answer);
  sockaddr_in loopback{};
  loopback.sin_family = AF_INET;
  loopback.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  server_->daemon = MHD_start_daemon(
      MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC, 0,
      nullptr, nullptr, &Server::Handle, server_.get(), MHD_OPTION_SOCK_ADDR, &loopback,
      MHD_OPTION_NOTIFY_COMPLETED, &Server::Completed, server_.get(), MHD_OPTION_CONNECTION_LIMIT,
      512U, MHD_OPTION_END);
  EPIGRID_CHECK(server_->daemon != nullptr, "a server of a test finds a port");
}

WebhookReceiver::~WebhookReceiver() {
  ReleaseHeld();
  MHD_stop_daemon(server_->daemon);
}

std::string WebhookReceiver::url() const {
  return fmt::format("http://127.0.0.1:{}/hook",
                     MHD_get_daemon_info(server_->daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
}

std::vector<WebhookReceiver::Post> WebhookReceiver::posts() const {
  std::lock_guard lock(server_->mutex);
  return server_->posts;
}

std::vector<WebhookReceiver::Post> WebhookReceiver::AwaitPosts(size_t count) const {
  std::unique_lock lock(server_->mutex);
  server_->changed.wait(lock, [&] { return server_->posts.size() >= count; });
  return server_->posts;
}

void WebhookReceiver::ReleaseHeld() {
  std::lock_guard lock(server_->mutex);
  server_->holding = false;
  for (MHD_Connection* connection : std::exchange(server_->held, {})) {
    MHD_resume_connection(connection);
  }
}

bool WebhookReceiver::IsSignedBy(const WebhookSecret& secret, const Post& post) {
  return secret.Sign(post.id, Time::FromSeconds(std::stoll(post.timestamp)), post.body) ==
         post.signature;
}

}  // namespace epigrid::notification
