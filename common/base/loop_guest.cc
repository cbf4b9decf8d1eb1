#include "common/base/loop_guest.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/base/status.h"

namespace epigrid {

LoopWatch::LoopWatch(int loop_descriptor, LoopGuest& guest)
    : loop_descriptor_(loop_descriptor),
      guest_(guest),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      stop_(eventfd(0, EFD_CLOEXEC)) {
  epoll_event on_stop{.events = EPOLLIN, .data = {.fd = stop_}};
  epoll_event disarmed{.events = EPOLLONESHOT, .data = {.fd = loop_descriptor_}};
  EPIGRID_CHECK(epoll_ >= 0 && stop_ >= 0 &&
                    epoll_ctl(epoll_, EPOLL_CTL_ADD, stop_, &on_stop) == 0 &&
                    epoll_ctl(epoll_, EPOLL_CTL_ADD, loop_descriptor_, &disarmed) == 0,
                "no descriptors to watch an event loop");
  thread_ = std::thread([this] { Run(); });
}

LoopWatch::~LoopWatch() {
  eventfd_write(stop_, 1);
  thread_.join();
  close(epoll_);
  close(stop_);
}

void LoopWatch::Arm() {
  epoll_event armed{.events = EPOLLIN | EPOLLONESHOT, .data = {.fd = loop_descriptor_}};
  EPIGRID_CHECK(epoll_ctl(epoll_, EPOLL_CTL_MOD, loop_descriptor_, &armed) == 0, "it was added");
}

void LoopWatch::Disarm() {
  epoll_event disarmed{.events = EPOLLONESHOT, .data = {.fd = loop_descriptor_}};
  EPIGRID_CHECK(epoll_ctl(epoll_, EPOLL_CTL_MOD, loop_descriptor_, &disarmed) == 0, "it was added");
}

void LoopWatch::Run() {
  pthread_setname_np(pthread_self(), "loop.watch");
  for (;;) {
    epoll_event event{};
    if (epoll_wait(epoll_, &event, 1, -1) < 1) continue;
    if (event.data.fd == stop_) return;
    guest_.Interrupt();
  }
}

}  // namespace epigrid
