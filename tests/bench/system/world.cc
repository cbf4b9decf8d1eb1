#include "tests/bench/system/world.h"

#include <fmt/format.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/server_builder.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "common/base/event_loop.h"
#include "common/base/proto_time.h"
#include "common/redis/client.h"
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

std::string CpuUse::PerItemSince(const CpuUse& before, size_t items) const {
  const auto micros = [items](double seconds) {
    return seconds * 1e6 / static_cast<double>(items);
  };
  return fmt::format("{:.1f} us in epigrid-dev, {:.1f} in the log, {:.1f} in the view's Redis",
                     micros(epigrid - before.epigrid), micros(log - before.log),
                     micros(view - before.view));
}

World::World(WorldOptions options)
    : options_(std::move(options)), log_(StartLogServer(options_.log)) {
  const std::filesystem::path& bin = options_.bin;
  Result<std::unique_ptr<demo::Receiver>> receiver = demo::Receiver::Start(0);
  EPIGRID_CHECK(receiver.ok(), receiver.status().ToString());
  receiver_ = std::move(receiver).value();

  const std::string keys = directory_ / "master.keys";
  const std::string generate = (bin / "epigrid-master-key").string() + " generate " + keys;
  EPIGRID_CHECK(std::system(generate.c_str()) == 0, "a master key can be made");
  const std::filesystem::path messages = directory_ / "messages.jsonl";
  const std::string endpoint = channel() == "file"
                                   ? fmt::format("channel: file\n    path: {}\n", messages.string())
                                   : fmt::format(
                                         "channel: webhook\n    url: http://127.0.0.1:{}/\n"
                                         "    secret: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n",
                                         receiver_->port());
  std::ofstream(directory_ / "endpoints.yaml")
      << "version: 1\nendpoints:\n  - name: demo\n    " << endpoint;
  std::ofstream(messages, std::ios::app).close();
  message_file_.open(messages);

  address_ = "unix:" + (directory_ / "epigrid.sock").string();
  echo_address_ = "unix:" + (directory_ / "echo.sock").string();
  echo_ = std::make_unique<ChildProcess>(
      std::vector<std::string>{options_.own_program, "--echo", echo_address_},
      directory_ / "echo.log");
  std::vector<std::string> command = {
      bin / "epigrid-dev",
      "--view-redis-address=unix:" + view_.address().unix_socket,
      "--server-listen=" + address_,
      "--admin-listen=",
      "--log-level=warn",
      "--server-operator-in-flight-max=4096",
      "--identity-master-keys=" + keys,
      "--notification-endpoints=" + (directory_ / "endpoints.yaml").string()};
  for (std::string& flag : log_->Flags()) command.push_back(std::move(flag));
  // A file takes more at once than a webhook's few connections.
  if (options_.channel == "file") {
    command.emplace_back("--notification-messages-in-hand-max=4096");
  }
  if (!options_.callers.empty()) {
    std::ofstream(directory_ / "callers.yaml") << options_.callers;
    std::ofstream(directory_ / "token") << options_.token;
    std::filesystem::permissions(directory_ / "token", std::filesystem::perms::owner_read);
    command.push_back("--server-callers=" + (directory_ / "callers.yaml").string());
    command.push_back("--notification-identity-token-file=" + (directory_ / "token").string());
  }
  epigrid_ = std::make_unique<ChildProcess>(command, directory_ / "epigrid-dev.log");
  MakeChannels(address_, 1);
  Result<ctl::Servers> servers =
      ctl::Servers::Create({.servers = {address_}, .token = options_.token});
  EPIGRID_CHECK(servers.ok(), "an address of our own making");
  backend_ = std::make_unique<demo::Backend>(*std::move(servers));
}

void World::AwaitQuiet() {
  const Status status = backend_->AwaitQuiet(std::chrono::minutes(10), std::chrono::minutes(2));
  EPIGRID_CHECK(status.ok(), status.ToString());
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

void World::ReadMessageFile() {
  const Time now = SystemClock().Now();
  std::array<char, 65'536> bytes{};
  message_file_.clear();  // of the end that it came to before
  while (message_file_.read(bytes.data(), bytes.size()), message_file_.gcount() > 0) {
    const auto* const end = bytes.begin() + message_file_.gcount();
    in_file_.insert(in_file_.end(), std::count(bytes.cbegin(), end, '\n'), now);
  }
}

std::vector<Time> World::ArrivalsSince(Time begin) {
  std::vector<Time> times;
  for (const demo::Arrival& arrival : receiver_->Since(begin)) times.push_back(arrival.at);
  ReadMessageFile();
  std::ranges::copy_if(in_file_, std::back_inserter(times), [&](Time at) { return at >= begin; });
  return times;
}

void World::EmptyViews() {
  EventLoop loop("bench");
  RedisClient redis(loop, {.address = view_.address()});
  const auto emptied = redis.Call({"FLUSHALL"}, std::chrono::minutes(1)).Wait();
  EPIGRID_CHECK(emptied.ok() && !emptied->is_error(), "the views' Redis can be emptied");
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
