// WitnessFold: a fold that also keeps, in one cell per shard, which events it was given, in which
// order. Production folds are made so that an effect that comes twice does no harm; the witness
// shows it all the same. It can be made to die of an event.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/projector/fold.h"

namespace epigrid {

inline constexpr char kWitnessCell[] = "witness";

class WitnessFold final : public Fold {
 public:
  // `dies`: asked for each event that is folded; after true nothing more is heard of the fold.
  explicit WitnessFold(std::unique_ptr<Fold> fold, std::function<bool(const Event&)> dies = {})
      : fold_(std::move(fold)), dies_(std::move(dies)) {}

  std::string_view service() const override { return fold_->service(); }
  uint32_t version() const override { return fold_->version(); }
  std::vector<std::string> subscriptions() const override { return fold_->subscriptions(); }
  std::string Route(const Event& foreign) const override { return fold_->Route(foreign); }
  std::vector<std::string> publications() const override { return fold_->publications(); }
  std::vector<std::string> Entities(const Event& event) const override {
    return fold_->Entities(event);
  }
  void Needs(const Event& event, const CellReader& cells, NeedSet& needs) const override {
    needs.String(kWitnessCell);
    fold_->Needs(event, cells, needs);
  }
  void Apply(const Event& event, Cells& cells, Context& context) const override;
  std::string TimerEntity(const Timer& timer) const override { return fold_->TimerEntity(timer); }
  void TimerNeeds(const Timer& timer, const CellReader& cells, NeedSet& needs) const override {
    needs.String(kWitnessCell);
    fold_->TimerNeeds(timer, cells, needs);
  }
  void FireTimer(const Timer& timer, Cells& cells, Context& context) const override;
  Task<Status> Prepare(std::vector<Event*> events) const override;

 private:
  // "<events so far> <hash of them in order>"
  static void Saw(const std::string& what, Cells& cells);

  const std::unique_ptr<Fold> fold_;
  const std::function<bool(const Event&)> dies_;
};

}  // namespace epigrid
