// Task, Future and Promise: how anything that waits is written.
//
//   Task<Result<int>> Count(RedisClient& redis, std::string key) {
//     Result<Reply> reply = co_await redis.Call({"GET", key});
//     ...
//     co_return 42;
//   }
//
// * Promise<T> / Future<T>: one value, set once by whoever does the work and awaited once by
//   whoever needs it. Every input or output of this project (Redis, the log, a timer) answers by a
//   Future, which is already under way when it is returned.
// * Task<T>: a coroutine that has not begun until it is awaited. Destroying a Task that is
//   suspended destroys its frame and with it all Tasks that it awaits: that is how an owner stops
//   work, and how the simulation crashes it.
// * Spawn(task) lets a Task run on its own; Run(task) does and returns the Future of its value.
//
// Rules.
// 1. A coroutine takes its arguments by value, or by reference to what its starter keeps alive
//    until it has ended. A coroutine is never a capturing lambda whose closure dies first.
// 2. A waiter is resumed on the thread that sets the Promise, before Set returns.
// 3. A Promise that is destroyed unset leaves its waiter suspended for ever: whoever makes a
//    Promise sets it, with an error if need be.
// 4. A suspended Task may be destroyed only on the thread that sets the Promises it waits for.
#pragma once

#include <condition_variable>
#include <coroutine>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <type_traits>
#include <utility>

#include "common/base/status.h"

namespace epigrid {

// Stands for the value of a Future that only says "done".
struct Done {
  friend bool operator==(Done, Done) = default;
};

namespace internal {

template <typename T>
struct SharedState {
  std::mutex mutex;
  std::condition_variable set;  // for Future::Wait only
  std::optional<T> value;
  std::coroutine_handle<> waiter;
};

}  // namespace internal

template <typename T>
class [[nodiscard]] Future {
 public:
  explicit Future(std::shared_ptr<internal::SharedState<T>> state) : state_(std::move(state)) {}
  Future(Future&&) noexcept = default;
  Future& operator=(Future&& other) noexcept {
    Abandon();
    state_ = std::move(other.state_);
    return *this;
  }
  ~Future() { Abandon(); }

  bool ready() const {
    std::lock_guard lock(state_->mutex);
    return state_->value.has_value();
  }

  // Blocks the calling thread: for main functions and tests, never on a thread that serves others.
  T Wait() && {
    std::unique_lock lock(state_->mutex);
    state_->set.wait(lock, [this] { return state_->value.has_value(); });
    return std::move(*state_->value);
  }

  bool await_ready() const { return ready(); }
  bool await_suspend(std::coroutine_handle<> waiter) {
    std::lock_guard lock(state_->mutex);
    if (state_->value.has_value()) return false;
    state_->waiter = waiter;
    return true;
  }
  T await_resume() { return std::move(*state_->value); }

 private:
  void Abandon() {
    if (state_ == nullptr) return;
    std::lock_guard lock(state_->mutex);
    state_->waiter = nullptr;
  }

  std::shared_ptr<internal::SharedState<T>> state_;
};

template <typename T>
class Promise {
 public:
  Promise() : state_(std::make_shared<internal::SharedState<T>>()) {}

  Future<T> future() const { return Future<T>(state_); }

  // Sets the value and resumes the waiter, if there is one. Once only.
  void Set(T value) const {
    std::coroutine_handle<> waiter;
    {
      std::lock_guard lock(state_->mutex);
      EPIGRID_CHECK(!state_->value.has_value(), "a Promise is set once");
      state_->value.emplace(std::move(value));
      waiter = std::exchange(state_->waiter, nullptr);
      state_->set.notify_all();
    }
    if (waiter) waiter.resume();
  }

 private:
  std::shared_ptr<internal::SharedState<T>> state_;
};

// A Future that is ready at once.
template <typename T>
Future<std::decay_t<T>> Ready(T value) {
  Promise<std::decay_t<T>> promise;
  promise.Set(std::move(value));
  return promise.future();
}

template <typename T = void>
class Task;

namespace internal {

struct TaskPromiseBase {
  std::coroutine_handle<> continuation = std::noop_coroutine();

  struct FinalAwaiter {
    bool await_ready() const noexcept { return false; }
    template <typename P>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<P> finished) const noexcept {
      return finished.promise().continuation;
    }
    void await_resume() const noexcept {}
  };

  std::suspend_always initial_suspend() const noexcept { return {}; }
  FinalAwaiter final_suspend() const noexcept { return {}; }
  [[noreturn]] void unhandled_exception() const noexcept { std::terminate(); }
};

template <typename T>
struct TaskPromise : TaskPromiseBase {
  std::optional<T> value;
  Task<T> get_return_object();
  template <typename U>
  void return_value(U&& result) {
    value.emplace(std::forward<U>(result));
  }
};

template <>
struct TaskPromise<void> : TaskPromiseBase {
  Task<void> get_return_object();
  void return_void() const noexcept {}
};

}  // namespace internal

template <typename T>
class [[nodiscard]] Task {
 public:
  using promise_type = internal::TaskPromise<T>;
  using Handle = std::coroutine_handle<promise_type>;

  Task() = default;
  explicit Task(Handle handle) : handle_(handle) {}
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    if (handle_) handle_.destroy();
    handle_ = std::exchange(other.handle_, nullptr);
    return *this;
  }
  ~Task() {
    if (handle_) handle_.destroy();
  }

  // For the owner of a Task<void> that it wants to be able to destroy midway: begins it now.
  void Start() { handle_.resume(); }
  bool done() const { return handle_.done(); }

  bool await_ready() const noexcept { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> waiter) noexcept {
    handle_.promise().continuation = waiter;
    return handle_;
  }
  T await_resume() {
    if constexpr (!std::is_void_v<T>) return std::move(*handle_.promise().value);
  }

 private:
  Handle handle_ = nullptr;
};

namespace internal {

template <typename T>
Task<T> TaskPromise<T>::get_return_object() {
  return Task<T>(std::coroutine_handle<TaskPromise<T>>::from_promise(*this));
}
inline Task<void> TaskPromise<void>::get_return_object() {
  return Task<void>(std::coroutine_handle<TaskPromise<void>>::from_promise(*this));
}

// A coroutine that owns itself: begins at once and frees its frame when it ends.
struct SelfOwned {
  struct promise_type {
    SelfOwned get_return_object() const noexcept { return {}; }
    std::suspend_never initial_suspend() const noexcept { return {}; }
    std::suspend_never final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    [[noreturn]] void unhandled_exception() const noexcept { std::terminate(); }
  };
};

inline SelfOwned SpawnSelfOwned(Task<void> task) { co_await task; }

template <typename T>
SelfOwned RunSelfOwned(Task<T> task, Promise<T> promise) {
  promise.Set(co_await task);
}

}  // namespace internal

// Begins the Task on this thread and lets it run to its end by itself.
inline void Spawn(Task<void> task) { internal::SpawnSelfOwned(std::move(task)); }

// The same for a Task with a value, which the Future receives.
template <typename T>
Future<T> Run(Task<T> task) {
  Promise<T> promise;
  Future<T> future = promise.future();
  internal::RunSelfOwned(std::move(task), std::move(promise));
  return future;
}

}  // namespace epigrid
