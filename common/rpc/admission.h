// Admission: what may begin now and what waits its turn, by class of work (work_class.h). The calls
// of a process pass one (pipeline.h), and what they append to a service's inbox another
// (common/service/fold_gate.h): serving and folding are two bottlenecks, and who only reads does
// not wait for the second.
//
//   Admission admission(4096, [&] { loop.Post([&] { admission.Turn(); }); });
//   if (admission.Enter(WorkClass::kBulk, call, now)) Begin();   // else OnPlace or OnTooLate follows
//   admission.Leave(WorkClass::kBulk);                           // its work is done
//   admission.Tick(now);                                         // every kTickEvery
//
// Critical work begins at once, always. The others begin while there are places under an adaptive
// limit (adaptive_limit.h), of which critical work counts too:
//   interactive   while fewer than the limit are in flight
//   bulk          while fewer than half of the limit are, so that bulk is the first to be held back
// and a few of each, kInteractiveLeast and kBulkLeast, whatever the limit: nobody is shut out for
// good. What is counted is the caller's of this class: calls, or events. Who finds no place waits
// in line for at most its class's wait, and is refused then. The newest goes first: under a load
// that lasts the line is never empty, and who is served at all is then served quickly, while the
// oldest, who may have gone away, is who is refused (a queue in order would make everybody wait for
// as long as anybody may). Holding a refusal back is also what slows down a caller that would ask
// again at once.
//
// Bulk always passes through the line, and one of it begins in a turn: its handlers compute for
// milliseconds, and what came meanwhile goes first.
//
// Threads: the loop's. A call in line is withdrawn, or hears of its end, before it is destroyed.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <utility>

#include "common/rpc/adaptive_limit.h"
#include "common/rpc/work_class.h"

namespace epigrid {

using SteadyTime = std::chrono::steady_clock::time_point;

class Admission {
 public:
  static constexpr Duration kTickEvery = std::chrono::milliseconds(20);
  static constexpr uint32_t kInteractiveLeast = 16;
  static constexpr uint32_t kBulkLeast = 1;
  static constexpr uint32_t kInteractivePerTurn = 16;
  // How long a class waits for a place: by class.
  static constexpr std::array<Duration, kWorkClassCount> kWaitMax = {
      Duration(0), std::chrono::milliseconds(100), std::chrono::milliseconds(1000)};

  // A call in line.
  class Waiting {
   public:
    // A place has been taken for it.
    virtual void OnPlace() = 0;
    // It has waited for as long as it may.
    virtual void OnTooLate() = 0;
    bool in_line() const { return in_line_; }

   protected:
    ~Waiting() = default;

   private:
    friend class Admission;
    WorkClass line_ = WorkClass::kCritical;
    uint32_t weight_ = 1;
    SteadyTime waiting_since_;
    bool in_line_ = false;
    Waiting* newer_ = nullptr;
    Waiting* older_ = nullptr;
  };

  // `ask_for_turn` has Turn called once, soon and not at once.
  Admission(uint32_t limit_most, std::function<void()> ask_for_turn);
  Admission(const Admission&) = delete;
  Admission& operator=(const Admission&) = delete;

  AdaptiveLimit& limit() { return limit_; }

  // True: a place has been taken. False: the call is in line. It counts as `weight`; what weighs
  // more than there is room for begins as soon as there is any.
  bool Enter(WorkClass work, Waiting& call, SteadyTime now, uint32_t weight = 1);
  // Everybody who is in line now is too late.
  void Close();
  // Gives a place back.
  void Leave(WorkClass work, uint32_t weight = 1);
  // Out of the line, if it is in it.
  void Withdraw(Waiting& call);
  void Turn();
  void Tick(SteadyTime now);

  uint32_t in_flight(WorkClass work) const { return in_flight_[static_cast<size_t>(work)]; }
  uint32_t waiting(WorkClass work) const { return lines_[static_cast<size_t>(work)].length; }

 private:
  struct Line {
    Waiting* newest = nullptr;
    Waiting* oldest = nullptr;
    uint32_t length = 0;
  };

  Line& LineOf(WorkClass work) { return lines_[static_cast<size_t>(work)]; }
  bool MayBegin(WorkClass work) const;
  void Take(WorkClass work, uint32_t weight);
  void BeginNewest(WorkClass work);
  void RefuseSince(WorkClass work, SteadyTime last);
  // If somebody in line may begin.
  void AskForTurn();

  AdaptiveLimit limit_;
  const std::function<void()> ask_for_turn_;
  bool turn_asked_ = false;
  std::array<uint32_t, kWorkClassCount> in_flight_{};
  uint32_t in_flight_all_ = 0;
  std::array<Line, kWorkClassCount> lines_;
  // Since the limit was adjusted.
  SteadyTime adjusted_at_;
  uint32_t peak_in_flight_ = 0;
  bool held_back_ = false;
};

// A place in an Admission, given back when it is destroyed, on the loop's thread.
class AdmissionPlace {
 public:
  AdmissionPlace() = default;
  AdmissionPlace(Admission& of, WorkClass work, uint32_t weight = 1)
      : of_(&of), work_(work), weight_(weight) {}
  AdmissionPlace(AdmissionPlace&& other) noexcept
      : of_(std::exchange(other.of_, nullptr)), work_(other.work_), weight_(other.weight_) {}
  AdmissionPlace& operator=(AdmissionPlace&& other) noexcept {
    if (of_ != nullptr) of_->Leave(work_, weight_);
    of_ = std::exchange(other.of_, nullptr);
    work_ = other.work_;
    weight_ = other.weight_;
    return *this;
  }
  ~AdmissionPlace() {
    if (of_ != nullptr) of_->Leave(work_, weight_);
  }

 private:
  Admission* of_ = nullptr;
  WorkClass work_ = WorkClass::kCritical;
  uint32_t weight_ = 1;
};

}  // namespace epigrid
