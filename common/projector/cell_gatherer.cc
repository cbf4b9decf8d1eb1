#include "common/projector/cell_gatherer.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace epigrid {
namespace {

// Of one command: Redis serves nobody else meanwhile.
constexpr size_t kCellsPerReadMax = 500;

// What one caller waits for.
struct Answer {
  CellGatherer::Cells cells;
  size_t missing = 0;
  Promise<Done> complete;
};

struct Wanted {
  std::string cell;
  std::shared_ptr<Answer> answer;
  size_t place = 0;
};

}  // namespace

// On the loop's thread.
struct CellGatherer::State : std::enable_shared_from_this<State> {
  State(EventLoop& on_loop, uint32_t shard_count, ReadShard with)
      : loop(on_loop), read(std::move(with)), wanted(shard_count) {}

  void Want(std::vector<Address> addresses, const std::shared_ptr<Answer>& answer);
  void ReadWanted();
  static Task<void> ReadCells(std::shared_ptr<State> self, Shard shard, std::vector<Wanted> wanted);

  EventLoop& loop;
  const ReadShard read;
  std::vector<std::vector<Wanted>> wanted;  // by shard
  std::vector<Shard> shards;                // of which something is wanted
};

void CellGatherer::State::Want(std::vector<Address> addresses,
                               const std::shared_ptr<Answer>& answer) {
  if (shards.empty()) loop.BeforeWait([self = shared_from_this()] { self->ReadWanted(); });
  for (size_t i = 0; i < addresses.size(); ++i) {
    std::vector<Wanted>& of_shard = wanted[addresses[i].shard];
    if (of_shard.empty()) shards.push_back(addresses[i].shard);
    of_shard.push_back({std::move(addresses[i].cell), answer, i});
  }
}

void CellGatherer::State::ReadWanted() {
  for (Shard shard : std::exchange(shards, {})) {
    std::vector<Wanted> all = std::exchange(wanted[shard], {});
    while (all.size() > kCellsPerReadMax) {
      const auto from = all.end() - kCellsPerReadMax;
      Spawn(ReadCells(shared_from_this(), shard,
                      {std::make_move_iterator(from), std::make_move_iterator(all.end())}));
      all.erase(from, all.end());
    }
    Spawn(ReadCells(shared_from_this(), shard, std::move(all)));
  }
}

Task<void> CellGatherer::State::ReadCells(std::shared_ptr<State> self, Shard shard,
                                          std::vector<Wanted> wanted) {
  std::vector<std::string> cells;
  cells.reserve(wanted.size());
  for (Wanted& one : wanted) cells.push_back(std::move(one.cell));
  Result<Reply> reply = co_await self->read(shard, std::move(cells));
  std::vector<std::shared_ptr<Answer>> complete;
  for (size_t i = 0; i < wanted.size(); ++i) {
    Answer& answer = *wanted[i].answer;
    if (!reply.ok()) {
      answer.cells[wanted[i].place] = reply.status();
    } else if (Reply& cell = reply->elements[i]; !cell.is_nil()) {
      answer.cells[wanted[i].place] = std::optional<std::string>(std::move(cell.text));
    }
    if (--answer.missing == 0) complete.push_back(std::move(wanted[i].answer));
  }
  for (const std::shared_ptr<Answer>& answer : complete) answer->complete.Set(Done{});
}

CellGatherer::CellGatherer(EventLoop& loop, uint32_t shard_count, ReadShard read)
    : state_(std::make_shared<State>(loop, shard_count, std::move(read))) {}

Task<CellGatherer::Cells> CellGatherer::Read(std::vector<Address> addresses) {
  if (addresses.empty()) co_return Cells();
  const auto answer = std::make_shared<Answer>();
  answer->cells.resize(addresses.size(), std::optional<std::string>());
  answer->missing = addresses.size();
  Future<Done> complete = answer->complete.future();
  if (state_->loop.OnLoopThread()) {
    state_->Want(std::move(addresses), answer);
  } else {
    state_->loop.Post([state = state_, addresses = std::move(addresses), answer]() mutable {
      state->Want(std::move(addresses), answer);
    });
  }
  co_await complete;
  co_return std::move(answer->cells);
}

}  // namespace epigrid
