#include "common/rpc/admission.h"

#include <algorithm>
#include <utility>

#include "common/base/status.h"

namespace epigrid {

Admission::Admission(uint32_t limit_most, std::function<void()> ask_for_turn)
    : limit_(limit_most), ask_for_turn_(std::move(ask_for_turn)) {}

bool Admission::MayBegin(WorkClass work) const {
  const uint32_t limit = limit_.value();
  switch (work) {
    case WorkClass::kCritical: return true;
    case WorkClass::kInteractive:
      return in_flight_all_ < limit || in_flight(work) < kInteractiveLeast;
    case WorkClass::kBulk: return in_flight_all_ < limit / 2 || in_flight(work) < kBulkLeast;
  }
  return true;
}

void Admission::Take(WorkClass work, uint32_t weight) {
  in_flight_[static_cast<size_t>(work)] += weight;
  in_flight_all_ += weight;
  peak_in_flight_ = std::max(peak_in_flight_, in_flight_all_);
}

bool Admission::Enter(WorkClass work, Waiting& call, SteadyTime now, uint32_t weight) {
  Line& line = LineOf(work);
  // Who comes is the newest, and so would go first.
  const bool may_begin = MayBegin(work);
  if (work != WorkClass::kBulk && may_begin) {
    Take(work, weight);
    return true;
  }
  held_back_ |= !may_begin;
  call.line_ = work;
  call.weight_ = weight;
  call.waiting_since_ = now;
  call.in_line_ = true;
  call.newer_ = nullptr;
  call.older_ = line.newest;
  (line.newest != nullptr ? line.newest->newer_ : line.oldest) = &call;
  line.newest = &call;
  ++line.length;
  AskForTurn();
  return false;
}

void Admission::Leave(WorkClass work, uint32_t weight) {
  EPIGRID_CHECK(in_flight(work) >= weight, "a place is given back once");
  in_flight_[static_cast<size_t>(work)] -= weight;
  in_flight_all_ -= weight;
  AskForTurn();
}

void Admission::Withdraw(Waiting& call) {
  if (!call.in_line_) return;
  Line& line = LineOf(call.line_);
  (call.newer_ != nullptr ? call.newer_->older_ : line.newest) = call.older_;
  (call.older_ != nullptr ? call.older_->newer_ : line.oldest) = call.newer_;
  --line.length;
  call.in_line_ = false;
}

void Admission::BeginNewest(WorkClass work) {
  Waiting& call = *LineOf(work).newest;
  Withdraw(call);
  Take(work, call.weight_);
  call.OnPlace();
}

void Admission::Turn() {
  turn_asked_ = false;
  for (uint32_t begun = 0; begun < kInteractivePerTurn && waiting(WorkClass::kInteractive) > 0 &&
                           MayBegin(WorkClass::kInteractive);
       ++begun) {
    BeginNewest(WorkClass::kInteractive);
  }
  if (waiting(WorkClass::kBulk) > 0 && MayBegin(WorkClass::kBulk)) BeginNewest(WorkClass::kBulk);
  AskForTurn();
}

void Admission::AskForTurn() {
  if (turn_asked_) return;
  for (const WorkClass work : {WorkClass::kInteractive, WorkClass::kBulk}) {
    if (waiting(work) == 0 || !MayBegin(work)) continue;
    turn_asked_ = true;
    ask_for_turn_();
    return;
  }
}

void Admission::RefuseSince(WorkClass work, SteadyTime last) {
  while (LineOf(work).oldest != nullptr && LineOf(work).oldest->waiting_since_ <= last) {
    Waiting& call = *LineOf(work).oldest;
    Withdraw(call);
    call.OnTooLate();
  }
}

void Admission::Close() {
  for (const WorkClass work : {WorkClass::kInteractive, WorkClass::kBulk}) {
    RefuseSince(work, SteadyTime::max());
  }
}

void Admission::Tick(SteadyTime now) {
  for (const WorkClass work : {WorkClass::kInteractive, WorkClass::kBulk}) {
    RefuseSince(work, now - kWaitMax[static_cast<size_t>(work)]);
  }
  if (now - adjusted_at_ < AdaptiveLimit::kAdjustEvery) return;
  adjusted_at_ = now;
  limit_.Adjust(std::exchange(peak_in_flight_, in_flight_all_), std::exchange(held_back_, false));
  // Who waits still is held back, though nobody new has come.
  held_back_ = waiting(WorkClass::kInteractive) + waiting(WorkClass::kBulk) > 0;
  AskForTurn();
}

}  // namespace epigrid
