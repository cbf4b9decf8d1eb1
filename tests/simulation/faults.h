// Faults: what goes wrong in a world, and how often. Each seed draws its own mixture, from a quiet
// day with one kind of fault to everything at once.
#pragma once

#include "tests/simulation/world.h"

namespace epigrid {

class Faults {
 public:
  explicit Faults(World& world);

  // Lets faults happen from now on, until Stop.
  void Begin();
  // No more of them; what was broken is mended by the world.
  void Stop() { stopped_ = true; }

  // The error of the wall clock of a process that begins now.
  Duration NewClockError();

 private:
  struct Kind {
    const char* name;
    void (Faults::*happen)();
    double weight = 0;
  };

  void HappenLater();
  void HappenNow();
  void SetLinkFaults();

  void Crash();
  void Stall();
  void DrainProcess();
  void CrashActor();
  void StallActor();
  void LoseViewTail();
  void LoseView();
  void FreezeView();
  void FreezeLog();
  void FillLog();
  void CutLogConnections();
  void MoveShard();
  void RequestRebuild();
  void WriteRubbish();
  void Suspend();
  SimService& AnyService();

  World& world_;
  std::vector<Kind> kinds_;
  double weights_ = 0;
  Duration between_max_{};
  double wrong_clocks_ = 0;
  Duration suspended_{};  // in all
  bool stopped_ = false;
};

}  // namespace epigrid
