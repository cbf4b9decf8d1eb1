#include "tools/demo/receiver.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <microhttpd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace epigrid::demo {
namespace {

constexpr size_t kBodyBytesMax = 64 << 10;

struct Request {
  std::string body;
};

MHD_Result Handle(void* receiver, MHD_Connection* connection, const char*, const char* method,
                  const char*, const char* data, size_t* size, void** state) {
  auto* request = static_cast<Request*>(*state);
  if (request == nullptr) {
    *state = new Request;  // freed by Forget
    return MHD_YES;
  }
  if (*size > 0) {
    if (request->body.size() + *size > kBodyBytesMax) return MHD_NO;
    request->body.append(data, *size);
    *size = 0;
    return MHD_YES;
  }
  const char* id = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "webhook-id");
  const bool good = std::string_view(method) == "POST" && id != nullptr;
  if (good) static_cast<Receiver*>(receiver)->Take(id, request->body);
  MHD_Response* response = MHD_create_response_from_buffer(0, nullptr, MHD_RESPMEM_PERSISTENT);
  const MHD_Result queued =
      MHD_queue_response(connection, good ? MHD_HTTP_NO_CONTENT : MHD_HTTP_BAD_REQUEST, response);
  MHD_destroy_response(response);
  return queued;
}

void Forget(void*, MHD_Connection*, void** state, MHD_RequestTerminationCode) {
  delete static_cast<Request*>(*state);
  *state = nullptr;
}

}  // namespace

Result<std::unique_ptr<Receiver>> Receiver::Start(uint16_t port) {
  std::unique_ptr<Receiver> receiver(new Receiver);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  receiver->daemon_ =
      MHD_start_daemon(MHD_USE_AUTO | MHD_USE_INTERNAL_POLLING_THREAD, port, nullptr, nullptr,
                       &Handle, receiver.get(), MHD_OPTION_SOCK_ADDR, &address,
                       MHD_OPTION_NOTIFY_COMPLETED, &Forget, nullptr, MHD_OPTION_END);
  if (receiver->daemon_ == nullptr) {
    return Unavailable("RECEIVER_LISTEN_FAILED",
                       fmt::format("cannot listen on 127.0.0.1:{}", port));
  }
  return receiver;
}

Receiver::~Receiver() {
  if (daemon_ != nullptr) MHD_stop_daemon(daemon_);
}

uint16_t Receiver::port() const {
  return MHD_get_daemon_info(daemon_, MHD_DAEMON_INFO_BIND_PORT)->port;
}

void Receiver::Take(const std::string& message_id, const std::string& body) {
  const Time now = SystemClock().Now();
  const auto payload = nlohmann::json::parse(body, nullptr, false);
  Arrival arrival{.message_id = message_id, .text = "", .colour = "", .at = now};
  if (payload.is_object() && payload.contains("data")) {
    arrival.text = payload["data"].value("text", "");
    arrival.colour = payload["data"].value("colour", "");
  }
  std::lock_guard lock(mutex_);
  arrivals_.try_emplace(message_id, std::move(arrival));
}

std::vector<Arrival> Receiver::Since(Time begin) const {
  std::vector<Arrival> found;
  {
    std::lock_guard lock(mutex_);
    for (const auto& [id, arrival] : arrivals_) {
      if (arrival.at >= begin) found.push_back(arrival);
    }
  }
  std::sort(found.begin(), found.end(),
            [](const Arrival& a, const Arrival& b) { return a.at < b.at; });
  return found;
}

}  // namespace epigrid::demo
