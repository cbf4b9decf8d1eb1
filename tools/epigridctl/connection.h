// Connection: calls to one server by the method's name, and Servers: which server serves what.
//
//   EPIGRID_ASSIGN_OR_RETURN(Servers servers, Servers::Create(options));
//   identity::v1::GetPersonResponse response;
//   Status status = servers.Of("identity").Call("/epigrid.identity.v1.IdentityService/GetPerson", request, &response);
//
// Errors are those of common/rpc/status_details.h; their metadata "server" is the address. Threads:
// any.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "common/base/status.h"

namespace grpc {
class Channel;
class ClientContext;
}  // namespace grpc
namespace google::protobuf {
class Message;
}

namespace epigrid::ctl {

struct ServerOptions {
  // Each "HOST:PORT" for all services, or "SERVICE=HOST:PORT" for one, such as
  // "identity=10.0.0.5:50051".
  std::vector<std::string> servers;
  std::string token;
  std::string tls_ca;                           // PEM; TLS is spoken if one of the three is set
  std::string tls_certificate;                  // PEM, the client's own
  std::string tls_key;                          // PEM
  bool insecure = false;                        // send the token to other machines without TLS
  Duration timeout = std::chrono::seconds(30);  // of a call
};

class Connection {
 public:
  Connection(std::string address, std::shared_ptr<grpc::Channel> channel, std::string token,
             Duration timeout);
  ~Connection();

  // Calls a unary method, named "/package.Service/Method", and waits for its answer. `timeout` 0:
  // the options'.
  Status Call(const std::string& method, const google::protobuf::Message& request,
              google::protobuf::Message* response, Duration timeout = Duration(0));

  // Calls a method of any kind: sends all requests, then hands over the answers one after the other
  // in `response`.
  Status Exchange(const std::string& method,
                  const std::vector<std::unique_ptr<google::protobuf::Message>>& requests,
                  google::protobuf::Message* response, const std::function<void()>& on_response,
                  Duration timeout);

  // Gives a call its deadline and credentials.
  void Prepare(grpc::ClientContext& context, Duration timeout) const;
  const std::string& address() const { return address_; }
  Duration timeout() const { return timeout_; }
  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }

 private:
  const std::string address_;
  const std::shared_ptr<grpc::Channel> channel_;
  const std::string token_;
  const Duration timeout_;
};

class Servers {
 public:
  // INVALID_ARGUMENT SERVER_MALFORMED, TLS_OPTIONS_INCOMPLETE; FAILED_PRECONDITION
  // TOKEN_UNPROTECTED; the errors of ReadFile.
  static Result<Servers> Create(const ServerOptions& options);

  // By a service's short name, such as "health_code".
  Connection& Of(std::string_view service) const;
  // By a method or a type: "/epigrid.health_code.v1.HealthCodeService/GetCode".
  Connection& OfFullName(std::string_view name) const;
  // Each address once, in the order in which they were given; the default only if none was.
  const std::vector<std::shared_ptr<Connection>>& All() const { return all_; }

 private:
  Servers() = default;

  std::map<std::string, std::shared_ptr<Connection>, std::less<>> by_service_;  // "": all others
  std::vector<std::shared_ptr<Connection>> all_;
};

}  // namespace epigrid::ctl
