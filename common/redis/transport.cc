#include "common/redis/transport.h"

#include <fmt/format.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <string_view>
#include <utility>

#include "common/redis/reply_reader.h"

namespace epigrid {
namespace {

constexpr int kKeepAliveSeconds = 15;
constexpr size_t kReadSize = size_t{64} * 1024;
// Buffers that grew larger than this are given back once they are written.
constexpr size_t kIdleBufferMax = size_t{1024} * 1024;

const sockaddr* Choose(const addrinfo* found, uint32_t attempt) {
  uint32_t count = 0;
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) ++count;
  for (uint32_t skip = attempt % count; skip > 0; --skip) found = found->ai_next;
  return found->ai_addr;
}

void AppendLength(char sort, size_t length, std::string& out) {
  std::array<char, 24> text;
  text[0] = sort;
  char* end = std::to_chars(text.data() + 1, text.data() + text.size(), length).ptr;
  *end++ = '\r';
  *end++ = '\n';
  out.append(text.data(), end);
}

// As Redis's protocol has it: an array of strings. hiredis would print it into a buffer of its own
// for each command.
void AppendCommand(const std::vector<std::string>& arguments, std::string& out) {
  AppendLength('*', arguments.size(), out);
  for (const std::string& argument : arguments) {
    AppendLength('$', argument.size(), out);
    out.append(argument).append("\r\n");
  }
}

}  // namespace

// Outlives its RedisTransport until libuv has called back for everything that is under way.
class RedisTransport::Socket {
 public:
  Socket(EventLoop& loop, Listener& listener);

  void Start(const RedisAddress& address, uint32_t attempt);
  void Write(const std::vector<std::string>& arguments);
  void Close();

 private:
  static Socket* Of(void* data) { return static_cast<Socket*>(data); }
  uv_handle_t* stream_handle() { return reinterpret_cast<uv_handle_t*>(stream_); }

  void LookUp(const RedisAddress& address);
  void OnLookUp(int status, addrinfo* found);
  void ConnectUnix(const std::string& path);
  void OnConnect(int status);
  void OnRead(ssize_t size);
  void Flush();
  void OnWritten(int status);
  void Lose(std::string_view why);
  void Release();

  EventLoop& event_loop_;
  uv_loop_t* loop_;
  Listener* listener_;  // nullptr once closed or lost
  bool closed_ = false;
  uint32_t attempt_ = 0;

  union {
    uv_tcp_t tcp_;
    uv_pipe_t pipe_;
  };
  uv_stream_t* stream_ = nullptr;  // one of the two, once Start has chosen
  uv_getaddrinfo_t look_up_;
  uv_connect_t connect_;
  uv_write_t write_;
  int under_way_ = 1;  // the transport, a stream, a look-up, a flush: each will call back

  std::array<char, kReadSize> read_buffer_;
  ReplyReader reader_;
  std::string outgoing_;
  std::string writing_;  // what uv_write holds, while it does
  bool is_writing_ = false;
};

RedisTransport::Socket::Socket(EventLoop& loop, Listener& listener)
    : event_loop_(loop), loop_(loop.uv()), listener_(&listener) {
  look_up_.data = nullptr;
}

void RedisTransport::Socket::Start(const RedisAddress& address, uint32_t attempt) {
  attempt_ = attempt;
  connect_.data = this;
  write_.data = this;
  if (address.unix_socket.empty()) {
    LookUp(address);
  } else {
    ConnectUnix(address.unix_socket);
  }
}

void RedisTransport::Socket::LookUp(const RedisAddress& address) {
  uv_tcp_init(loop_, &tcp_);
  stream_ = reinterpret_cast<uv_stream_t*>(&tcp_);
  stream_->data = this;
  ++under_way_;
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  look_up_.data = this;
  ++under_way_;
  const int status = uv_getaddrinfo(
      loop_, &look_up_,
      [](uv_getaddrinfo_t* request, int result, addrinfo* found) {
        Of(request->data)->OnLookUp(result, found);
      },
      address.host.c_str(), fmt::format("{}", address.port).c_str(), &hints);
  if (status != 0) OnLookUp(status, nullptr);
}

void RedisTransport::Socket::OnLookUp(int status, addrinfo* found) {
  look_up_.data = nullptr;
  if (!closed_ && status == 0) {
    const sockaddr* chosen = Choose(found, attempt_);
    status = uv_tcp_connect(&connect_, &tcp_, chosen, [](uv_connect_t* request, int result) {
      Of(request->data)->OnConnect(result);
    });
    event_loop_.TurnAgain();
  }
  uv_freeaddrinfo(found);
  if (status != 0) Lose(uv_strerror(status));
  Release();
}

void RedisTransport::Socket::ConnectUnix(const std::string& path) {
  uv_pipe_init(loop_, &pipe_, 0);
  stream_ = reinterpret_cast<uv_stream_t*>(&pipe_);
  stream_->data = this;
  ++under_way_;
  if (path.size() >= sizeof(sockaddr_un::sun_path)) {  // libuv would cut it off
    return Lose("the path of the unix socket is too long");
  }
  uv_pipe_connect(&connect_, &pipe_, path.c_str(),
                  [](uv_connect_t* request, int result) { Of(request->data)->OnConnect(result); });
  event_loop_.TurnAgain();
}

void RedisTransport::Socket::OnConnect(int status) {
  if (closed_) return;
  if (status != 0) return Lose(uv_strerror(status));
  if (stream_->type == UV_TCP) {
    uv_tcp_nodelay(&tcp_, 1);
    uv_tcp_keepalive(&tcp_, 1, kKeepAliveSeconds);
  }
  status = uv_read_start(
      stream_,
      [](uv_handle_t* handle, size_t, uv_buf_t* buffer) {
        *buffer = uv_buf_init(Of(handle->data)->read_buffer_.data(), kReadSize);
      },
      [](uv_stream_t* stream, ssize_t size, const uv_buf_t*) { Of(stream->data)->OnRead(size); });
  event_loop_.TurnAgain();
  if (status != 0) return Lose(uv_strerror(status));
  listener_->OnConnected();
}

void RedisTransport::Socket::OnRead(ssize_t size) {
  if (size == UV_EOF) return Lose("the server closed the connection");
  if (size < 0) return Lose(uv_strerror(static_cast<int>(size)));
  reader_.Feed({read_buffer_.data(), static_cast<size_t>(size)});
  while (listener_ != nullptr) {
    Result<std::optional<Reply>> reply = reader_.Next();
    if (!reply.ok()) return Lose(reply.status().message());
    if (!reply->has_value()) return;
    listener_->OnReply(**std::move(reply));
  }
}

void RedisTransport::Socket::Write(const std::vector<std::string>& arguments) {
  if (listener_ == nullptr) return;
  if (outgoing_.empty()) {
    ++under_way_;
    event_loop_.BeforeWait([this] {
      Flush();
      Release();
    });
  }
  AppendCommand(arguments, outgoing_);
}

void RedisTransport::Socket::Flush() {
  if (listener_ == nullptr || is_writing_ || outgoing_.empty()) return;
  uv_buf_t buffer = uv_buf_init(outgoing_.data(), static_cast<unsigned>(outgoing_.size()));
  const int written = uv_try_write(stream_, &buffer, 1);
  if (written < 0 && written != UV_EAGAIN) return Lose(uv_strerror(written));
  const size_t done = written > 0 ? static_cast<size_t>(written) : 0;
  event_loop_.ExpectAnswer();
  if (done < outgoing_.size()) {
    is_writing_ = true;
    writing_.swap(outgoing_);
    buffer = uv_buf_init(writing_.data() + done, static_cast<unsigned>(writing_.size() - done));
    const int status = uv_write(&write_, stream_, &buffer, 1, [](uv_write_t* request, int result) {
      Of(request->data)->OnWritten(result);
    });
    event_loop_.TurnAgain();
    if (status != 0) return Lose(uv_strerror(status));
  }
  outgoing_.clear();
  if (outgoing_.capacity() > kIdleBufferMax) std::string().swap(outgoing_);
}

void RedisTransport::Socket::OnWritten(int status) {
  is_writing_ = false;
  if (closed_) return;
  if (status != 0) return Lose(uv_strerror(status));
  writing_.clear();
  if (writing_.capacity() > kIdleBufferMax) std::string().swap(writing_);
  Flush();
}

void RedisTransport::Socket::Lose(std::string_view why) {
  if (Listener* listener = std::exchange(listener_, nullptr)) listener->OnLost(std::string(why));
}

void RedisTransport::Socket::Close() {
  listener_ = nullptr;
  closed_ = true;
  const auto release = [](uv_handle_t* handle) { Of(handle->data)->Release(); };
  if (stream_ != nullptr) uv_close(stream_handle(), release);
  // Calls back with UV_ECANCELED, or with its result if it is past cancelling.
  if (look_up_.data != nullptr) uv_cancel(reinterpret_cast<uv_req_t*>(&look_up_));
  Release();
}

void RedisTransport::Socket::Release() {
  if (--under_way_ == 0) delete this;
}

RedisTransport::RedisTransport(EventLoop& loop, Listener& listener)
    : socket_(new Socket(loop, listener)) {}

RedisTransport::~RedisTransport() { socket_->Close(); }

void RedisTransport::Start(const RedisAddress& address, uint32_t attempt) {
  socket_->Start(address, attempt);
}

void RedisTransport::Write(const std::vector<std::string>& arguments) { socket_->Write(arguments); }

}  // namespace epigrid
