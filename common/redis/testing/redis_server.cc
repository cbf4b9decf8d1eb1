#include "common/redis/testing/redis_server.h"

#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <utility>

#include "common/base/status.h"

namespace epigrid {
namespace {

constexpr int kPollIntervalMicros = 5'000;
constexpr int kPollsMax = 6'000;  // 30 s: also on a machine that is busy with other tests

// A port that was free a moment ago.
uint16_t FreePort() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  EPIGRID_CHECK(bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                    getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0,
                "no free TCP port");
  close(fd);
  return ntohs(address.sin_port);
}

bool Answers(const RedisAddress& address) {
  std::unique_ptr<redisContext, decltype(&redisFree)> context(
      address.unix_socket.empty() ? redisConnect(address.host.c_str(), address.port)
                                  : redisConnectUnix(address.unix_socket.c_str()),
      redisFree);
  if (context == nullptr || context->err != 0) return false;
  std::unique_ptr<redisReply, decltype(&freeReplyObject)> reply(
      static_cast<redisReply*>(redisCommand(context.get(), "PING")), freeReplyObject);
  if (reply == nullptr) return false;
  // A server that demands a password answers too.
  return reply->type != REDIS_REPLY_ERROR || std::string_view(reply->str).starts_with("NOAUTH");
}

}  // namespace

RedisServer::RedisServer(Options options) : options_(std::move(options)) {
  if (options_.tcp) {
    address_.port = FreePort();
    if (options_.cluster) bus_port_ = FreePort();
  } else {
    address_.unix_socket = directory_ / "redis.sock";
  }
  Restart();
}

RedisServer::~RedisServer() { Kill(); }

void RedisServer::Restart() {
  Kill();
  Launch();
  AwaitAnswer();
}

void RedisServer::Launch() {
  std::vector<std::string> arguments = {
      "redis-server", "--dir",     directory_.path(),
      "--save",       "",          "--appendonly",
      "no",           "--port",    std::to_string(options_.tcp ? address_.port : 0),
      "--bind",       "127.0.0.1", "--logfile",
      "redis.log"};
  if (!options_.tcp) {
    arguments.insert(arguments.end(), {"--unixsocket", address_.unix_socket});
  }
  if (options_.cluster) {
    arguments.insert(arguments.end(),
                     {"--cluster-enabled", "yes", "--cluster-port", std::to_string(bus_port_)});
  }
  arguments.insert(arguments.end(), options_.config.begin(), options_.config.end());
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);

  const pid_t parent = getpid();
  pid_ = fork();
  EPIGRID_CHECK(pid_ >= 0, "fork failed");
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);  // it died before we asked for the signal
    execvp("redis-server", argv.data());
    _exit(127);
  }
}

void RedisServer::AwaitAnswer() {
  for (int i = 0; i < kPollsMax; ++i) {
    int state = 0;
    EPIGRID_CHECK(waitpid(pid_, &state, WNOHANG) == 0,
                  "redis-server ended at once: is it installed, and is its configuration right?");
    if (Answers(address_)) return;
    usleep(kPollIntervalMicros);
  }
  CheckFailed(__FILE__, __LINE__, "redis-server answers", "it did not within 30 s");
}

void RedisServer::Kill() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

void RedisServer::Stop() {
  EPIGRID_CHECK(pid_ > 0, "a server that runs can be stopped");
  kill(pid_, SIGSTOP);
  int state = 0;
  waitpid(pid_, &state, WUNTRACED);  // until it stands still
}

void RedisServer::Continue() { kill(pid_, SIGCONT); }

}  // namespace epigrid
