#include "tests/bench/system/world.h"

#include <fmt/format.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/server_builder.h>

#include <cstdlib>
#include <fstream>

#include "common/base/proto_time.h"
#include "epigrid/health_code/v1/health_code.grpc.pb.h"

namespace epigrid::bench {
namespace {

// The answers that GetCode and BatchGetCodes give for people with a negative test, as CodeReads
// prepares them, and as bare gRPC can give them.
health_code::v1::Code EchoedCode() {
  health_code::v1::Code code;
  code.set_person_id("person_3tmr449qgdq7wcsbfdnt5pzyv55");
  code.set_colour(health_code::v1::COLOUR_GREEN);
  code.set_measure(health_code::v1::MEASURE_NONE);
  *code.mutable_last_negative_sampled_time() = ToProto(Time::FromSeconds(1'656'600'000));
  code.set_version(17);
  *code.mutable_as_of_time() = ToProto(Time::FromSeconds(1'656'600'000));
  return code;
}

class Echo final : public health_code::v1::HealthCodeService::CallbackService {
 public:
  grpc::ServerUnaryReactor* GetCode(grpc::CallbackServerContext* context,
                                    const health_code::v1::GetCodeRequest*,
                                    health_code::v1::GetCodeResponse* response) override {
    *response->mutable_code() = code_;
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }

  grpc::ServerUnaryReactor* BatchGetCodes(
      grpc::CallbackServerContext* context, const health_code::v1::BatchGetCodesRequest* request,
      health_code::v1::BatchGetCodesResponse* response) override {
    for (int i = 0; i < request->person_ids_size(); ++i) {
      *response->add_results()->mutable_code() = code_;
    }
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }

 private:
  const health_code::v1::Code code_ = EchoedCode();
};

std::vector<std::shared_ptr<grpc::Channel>> MakeChannels(const std::string& address, size_t count) {
  std::vector<std::shared_ptr<grpc::Channel>> channels;
  for (size_t i = 0; i < count; ++i) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // else they share a connection
    arguments.SetInt("epigrid.bench.channel", static_cast<int>(i));
    channels.push_back(
        grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments));
    const bool connected = channels.back()->WaitForConnected(
        gpr_time_add(gpr_now(GPR_CLOCK_REALTIME), gpr_time_from_seconds(60, GPR_TIMESPAN)));
    EPIGRID_CHECK(connected, "the server does not answer; its log is in the world's directory");
  }
  return channels;
}

}  // namespace

World::World(const std::filesystem::path& bin, const std::string& own_program,
             const std::string& callers, const std::string& token) {
  Result<std::unique_ptr<demo::Receiver>> receiver = demo::Receiver::Start(0);
  EPIGRID_CHECK(receiver.ok(), receiver.status().ToString());
  receiver_ = std::move(receiver).value();

  const std::string keys = directory_ / "master.keys";
  const std::string generate = (bin / "epigrid-master-key").string() + " generate " + keys;
  EPIGRID_CHECK(std::system(generate.c_str()) == 0, "a master key can be made");
  std::ofstream(directory_ / "endpoints.yaml") << fmt::format(
      "version: 1\nendpoints:\n  - name: demo\n    channel: webhook\n"
      "    url: http://127.0.0.1:{}/\n    secret: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n",
      receiver_->port());

  address_ = "unix:" + (directory_ / "epigrid.sock").string();
  echo_address_ = "unix:" + (directory_ / "echo.sock").string();
  echo_ = std::make_unique<ChildProcess>(
      std::vector<std::string>{own_program, "--echo", echo_address_}, directory_ / "echo.log");
  std::vector<std::string> command = {
      bin / "epigrid-dev",
      "--log-redis-address=unix:" + log_.address().unix_socket,
      "--view-redis-address=unix:" + view_.address().unix_socket,
      "--server-listen=" + address_,
      "--admin-listen=",
      "--log-level=warn",
      "--server-operator-in-flight-max=4096",
      "--identity-master-keys=" + keys,
      "--notification-endpoints=" + (directory_ / "endpoints.yaml").string()};
  if (!callers.empty()) {
    std::ofstream(directory_ / "callers.yaml") << callers;
    std::ofstream(directory_ / "token") << token;
    std::filesystem::permissions(directory_ / "token", std::filesystem::perms::owner_read);
    command.push_back("--server-callers=" + (directory_ / "callers.yaml").string());
    command.push_back("--notification-identity-token-file=" + (directory_ / "token").string());
  }
  epigrid_ = std::make_unique<ChildProcess>(command, directory_ / "epigrid-dev.log");
  MakeChannels(address_, 1);
  Result<ctl::Servers> servers = ctl::Servers::Create({.servers = {address_}, .token = token});
  EPIGRID_CHECK(servers.ok(), "an address of our own making");
  backend_ = std::make_unique<demo::Backend>(*std::move(servers));
}

World::~World() {
  epigrid_.reset();
  echo_.reset();
}

std::vector<std::shared_ptr<grpc::Channel>> World::Channels(size_t count) const {
  return MakeChannels(address_, count);
}

std::vector<std::shared_ptr<grpc::Channel>> World::EchoChannels(size_t count) const {
  return MakeChannels(echo_address_, count);
}

int ServeEcho(const std::string& address) {
  Echo echo;
  grpc::ServerBuilder builder;
  builder.AddListeningPort(address, grpc::InsecureServerCredentials());
  builder.RegisterService(&echo);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  EPIGRID_CHECK(server != nullptr, "the echo can listen");
  server->Wait();
  return 0;
}

}  // namespace epigrid::bench
