#include "common/base/event_loop.h"

#include <poll.h>
#include <pthread.h>

#include <algorithm>
#include <csignal>
#include <mutex>
#include <thread>
#include <vector>

namespace epigrid {
namespace {

void CheckUv(int result, const char* what) {
  EPIGRID_CHECK(result == 0, std::string(what) + ": " + uv_strerror(result));
}

// How long the loop waits for an answer that it expects before it waits for its guest. A server on
// the same machine answers in less; one that takes longer is waited for in the other way.
constexpr timespec kAnswerPatience{.tv_sec = 0, .tv_nsec = 200'000};
// Of a wait with no timer set.
constexpr Duration kGuestWaitMax = std::chrono::seconds(60);

struct Sleeper {
  uint64_t due_ns;
  uint64_t sequence;  // those due at the same time wake in the order in which they fell asleep
  Promise<Done> promise;
};

// For std::push_heap: the earliest is at the front.
bool WakesLater(const Sleeper& a, const Sleeper& b) {
  return a.due_ns != b.due_ns ? a.due_ns > b.due_ns : a.sequence > b.sequence;
}

}  // namespace

struct EventLoop::Impl {
  static thread_local const Impl* of_this_thread;

  uv_loop_t loop;
  uv_async_t wake_up;
  uv_prepare_t before_wait;
  uv_timer_t timer;
  std::thread thread;
  SystemClock clock;

  std::mutex mutex;
  std::vector<std::function<void()>> posted;  // guarded by mutex
  bool stopping = false;                      // guarded by mutex
  bool stopped = false;  // guarded by mutex: nothing posted from now on will run

  // The loop's thread only.
  std::vector<std::function<void()>> running;
  std::vector<std::function<void()>> deferred;  // until the loop waits
  std::vector<Sleeper> sleepers;                // a heap
  uint64_t next_sequence = 0;
  bool ended = false;
  bool turns_again = false;
  bool expects_answer = false;
  LoopGuest* guest = nullptr;
  std::unique_ptr<LoopWatch> watch;

  void TurnWithGuest();
  void WaitByGuest();
  void RunThread(const std::string& name);
  void RunPosted();
  void RunDeferred();
  void AddSleeper(Sleeper sleeper);
  void ArmTimer();
  void WakeSleepers();
  void CloseLoop();
};

thread_local const EventLoop::Impl* EventLoop::Impl::of_this_thread = nullptr;

void EventLoop::Impl::RunThread(const std::string& name) {
  of_this_thread = this;
  // A peer that is gone is an error of the write and nothing else, whoever made this loop.
  sigset_t broken_pipe;
  sigemptyset(&broken_pipe);
  sigaddset(&broken_pipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &broken_pipe, nullptr);
  pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());  // Linux keeps 15 characters
  while (!ended) {
    if (guest == nullptr) {
      uv_run(&loop, UV_RUN_DEFAULT);
    } else {
      TurnWithGuest();
    }
  }
  CloseLoop();
}

void EventLoop::Impl::TurnWithGuest() {
  turns_again = false;
  uv_run(&loop, UV_RUN_NOWAIT);
  if (guest == nullptr) return;
  const bool had_something = guest->Poll();
  if (had_something || turns_again || ended) return;
  if (std::exchange(expects_answer, false)) {
    pollfd answer{.fd = uv_backend_fd(&loop), .events = POLLIN, .revents = 0};
    ppoll(&answer, 1, &kAnswerPatience, nullptr);
    return;
  }
  WaitByGuest();
}

void EventLoop::Impl::WaitByGuest() {
  uv_update_time(&loop);
  const int timeout_ms = uv_backend_timeout(&loop);
  if (timeout_ms == 0) return;
  watch->Arm();
  guest->Wait(timeout_ms < 0 ? kGuestWaitMax : std::chrono::milliseconds(timeout_ms));
  watch->Disarm();
}

// Takes what was posted up to now and no more, so that what is posted meanwhile does not starve
// sockets and timers.
void EventLoop::Impl::RunPosted() {
  {
    std::lock_guard lock(mutex);
    running.swap(posted);
  }
  for (auto& fn : running) {
    fn();
    fn = nullptr;  // what it captured goes before the next one runs
  }
  running.clear();
  std::lock_guard lock(mutex);
  if (!posted.empty()) {
    uv_async_send(&wake_up);
    turns_again = true;
  } else if (stopping) {
    stopped = true;
    ended = true;
    uv_stop(&loop);
  }
}

void EventLoop::Impl::RunDeferred() {
  for (size_t i = 0; i < deferred.size(); ++i) {
    const std::function<void()> fn = std::move(deferred[i]);  // it may defer more
    fn();
  }
  deferred.clear();
  uv_prepare_stop(&before_wait);
}

void EventLoop::Impl::AddSleeper(Sleeper sleeper) {
  sleeper.sequence = next_sequence++;
  sleepers.push_back(std::move(sleeper));
  std::push_heap(sleepers.begin(), sleepers.end(), WakesLater);
  if (sleepers.front().sequence == next_sequence - 1) ArmTimer();
}

void EventLoop::Impl::ArmTimer() {
  if (sleepers.empty()) return;
  const uint64_t now_ns = uv_hrtime();
  const uint64_t due_ns = sleepers.front().due_ns;
  // libuv counts whole milliseconds from the start of the loop's turn: rounded up, so that nobody
  // wakes early.
  const uint64_t wait_ms = due_ns <= now_ns ? 0 : (due_ns - now_ns + 999'999) / 1'000'000;
  uv_update_time(&loop);
  CheckUv(
      uv_timer_start(
          &timer, [](uv_timer_t* t) { static_cast<Impl*>(t->data)->WakeSleepers(); }, wait_ms, 0),
      "uv_timer_start");
}

void EventLoop::Impl::WakeSleepers() {
  const uint64_t now_ns = uv_hrtime();
  // Read once: who falls asleep again meanwhile waits for the next turn.
  while (!sleepers.empty() && sleepers.front().due_ns <= now_ns) {
    std::pop_heap(sleepers.begin(), sleepers.end(), WakesLater);
    Promise<Done> promise = std::move(sleepers.back().promise);
    sleepers.pop_back();
    promise.Set(Done{});
  }
  ArmTimer();
}

void EventLoop::Impl::CloseLoop() {
  uv_close(reinterpret_cast<uv_handle_t*>(&wake_up), nullptr);
  uv_close(reinterpret_cast<uv_handle_t*>(&before_wait), nullptr);
  uv_close(reinterpret_cast<uv_handle_t*>(&timer), nullptr);
  uv_walk(
      &loop,
      [](uv_handle_t* handle, void*) {
        EPIGRID_CHECK(
            uv_is_closing(handle),
            "an object that lives on an EventLoop is destroyed before the loop is stopped");
      },
      nullptr);
  EPIGRID_CHECK(guest == nullptr, "a loop's guest leaves before the loop is stopped");
  uv_run(&loop,
         UV_RUN_DEFAULT);  // until all handles are closed and name look-ups under way have ended
  CheckUv(uv_loop_close(&loop), "uv_loop_close");
  sleepers.clear();
}

EventLoop::EventLoop(std::string name) : impl_(std::make_unique<Impl>()) {
  CheckUv(uv_loop_init(&impl_->loop), "uv_loop_init");
  CheckUv(uv_async_init(&impl_->loop, &impl_->wake_up,
                        [](uv_async_t* async) { static_cast<Impl*>(async->data)->RunPosted(); }),
          "uv_async_init");
  CheckUv(uv_prepare_init(&impl_->loop, &impl_->before_wait), "uv_prepare_init");
  CheckUv(uv_timer_init(&impl_->loop, &impl_->timer), "uv_timer_init");
  impl_->wake_up.data = impl_.get();
  impl_->before_wait.data = impl_.get();
  impl_->timer.data = impl_.get();
  impl_->thread =
      std::thread([impl = impl_.get(), name = std::move(name)] { impl->RunThread(name); });
}

EventLoop::~EventLoop() { Stop(); }

Time EventLoop::Now() const { return impl_->clock.Now(); }

Future<Done> EventLoop::Sleep(Duration duration) {
  const auto wait_ns =
      std::max<int64_t>(0, std::chrono::duration_cast<std::chrono::nanoseconds>(duration).count());
  Promise<Done> promise;
  Sleeper sleeper{uv_hrtime() + static_cast<uint64_t>(wait_ns), 0, promise};
  if (OnLoopThread()) {
    impl_->AddSleeper(std::move(sleeper));
  } else {
    Post([impl = impl_.get(), sleeper = std::move(sleeper)] { impl->AddSleeper(sleeper); });
  }
  return promise.future();
}

void EventLoop::Post(std::function<void()> fn) {
  if (OnLoopThread()) impl_->turns_again = true;
  std::lock_guard lock(impl_->mutex);
  if (impl_->stopped) return;
  impl_->posted.push_back(std::move(fn));
  // Under the lock, so that the handle is not closed meanwhile; once for all that is posted until
  // the loop wakes up.
  if (impl_->posted.size() == 1) uv_async_send(&impl_->wake_up);
}

void EventLoop::RunOnLoop(std::function<void()> fn) {
  EPIGRID_CHECK(!OnLoopThread(), "RunOnLoop would wait for itself");
  Promise<Done> promise;
  Future<Done> ran = promise.future();
  {
    std::lock_guard lock(impl_->mutex);
    EPIGRID_CHECK(!impl_->stopped, "RunOnLoop after Stop");
    impl_->posted.emplace_back([fn = std::move(fn), promise = std::move(promise)] {
      fn();
      promise.Set(Done{});
    });
    if (impl_->posted.size() == 1) uv_async_send(&impl_->wake_up);
  }
  std::move(ran).Wait();
}

void EventLoop::Stop() {
  EPIGRID_CHECK(!OnLoopThread(), "an EventLoop is stopped from another thread");
  {
    std::lock_guard lock(impl_->mutex);
    if (!impl_->stopped) {
      impl_->stopping = true;
      uv_async_send(&impl_->wake_up);
    }
  }
  if (impl_->thread.joinable()) impl_->thread.join();
}

bool EventLoop::OnLoopThread() const { return Impl::of_this_thread == impl_.get(); }

uv_loop_t* EventLoop::uv() { return &impl_->loop; }

void EventLoop::TurnAgain() { impl_->turns_again = true; }

void EventLoop::BeforeWait(std::function<void()> fn) {
  if (impl_->deferred.empty()) {
    uv_prepare_start(&impl_->before_wait, [](uv_prepare_t* prepare) {
      static_cast<Impl*>(prepare->data)->RunDeferred();
    });
  }
  impl_->deferred.push_back(std::move(fn));
  impl_->turns_again = true;
}

void EventLoop::ExpectAnswer() { impl_->expects_answer = true; }

void EventLoop::SetGuest(LoopGuest* guest) {
  RunOnLoop([impl = impl_.get(), guest] {
    EPIGRID_CHECK((impl->guest == nullptr) != (guest == nullptr), "a loop has one guest at a time");
    impl->guest = guest;
    impl->watch = guest == nullptr
                      ? nullptr
                      : std::make_unique<LoopWatch>(uv_backend_fd(&impl->loop), *guest);
    uv_stop(&impl->loop);  // what waits for libuv alone
  });
}

}  // namespace epigrid
