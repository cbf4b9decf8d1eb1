#include "common/app/readiness.h"

#include <algorithm>

#include "common/base/status.h"

namespace epigrid {

void Readiness::Add(std::string_view part) { Set(part, "starting"); }

void Readiness::Set(std::string_view part, std::string_view why) {
  {
    std::lock_guard lock(mutex_);
    std::string& current = parts_[std::string(part)];
    if (current == why && !why.empty()) return;
    current = why;
  }
  Tell();
}

void Readiness::Stop() {
  {
    std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  Tell();
}

bool Readiness::ready() const {
  std::lock_guard lock(mutex_);
  return !stopped_ &&
         std::ranges::all_of(parts_, [](const auto& part) { return part.second.empty(); });
}

bool Readiness::IsReady(std::string_view part) const {
  std::lock_guard lock(mutex_);
  auto found = parts_.find(part);
  return !stopped_ && found != parts_.end() && found->second.empty();
}

std::string Readiness::Describe() const {
  std::lock_guard lock(mutex_);
  std::string text;
  if (stopped_) text += "stopping\n";
  for (const auto& [part, why] : parts_) {
    if (!why.empty()) text.append(part).append(": ").append(why).append("\n");
  }
  return text.empty() ? "ready\n" : text;
}

void Readiness::Listen(std::function<void()> listener) {
  std::lock_guard lock(listener_mutex_);
  listener_ = std::move(listener);
  if (listener_) listener_();
}

void Readiness::Tell() {
  std::lock_guard lock(listener_mutex_);
  if (listener_) listener_();
}

}  // namespace epigrid
