#include "tools/epigridctl/import/pipeline.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "tools/epigridctl/import/retry.h"
#include "tools/epigridctl/testing/fake_waiter.h"

namespace epigrid::ctl {
namespace {

using ::testing::ElementsAre;

struct FakeBatch final : ImportBatch {
  explicit FakeBatch(std::function<Result<std::vector<Reject>>()> send_it)
      : send(std::move(send_it)) {}
  Result<std::vector<Reject>> Send() override { return send(); }
  std::function<Result<std::vector<Reject>>()> send;
};

// Rows 0 to `size` - 1, each a line and a byte.
class FakeSource final : public BatchSource {
 public:
  explicit FakeSource(uint64_t size) : size_(size) {}

  Result<std::unique_ptr<ImportBatch>> Next(size_t rows_max) override {
    if (at_ == size_) {
      EPIGRID_RETURN_IF_ERROR(end);
      return std::unique_ptr<ImportBatch>();
    }
    const uint64_t first = at_;
    at_ = std::min<uint64_t>(size_, at_ + rows_max);
    auto batch = std::make_unique<FakeBatch>([this, first]() -> Result<std::vector<Reject>> {
      if (send) EPIGRID_RETURN_IF_ERROR(send(first));
      return std::vector<Reject>{{.line = first, .problem = {}, .row = ""}};
    });
    batch->rows = at_ - first;
    batch->end = {.byte = at_, .line = at_};
    return std::unique_ptr<ImportBatch>(std::move(batch));
  }
  double fraction_read() const override {
    return static_cast<double>(at_) / static_cast<double>(size_);
  }

  std::function<Status(uint64_t first)> send;
  Status end;

 private:
  const uint64_t size_;
  uint64_t at_ = 0;
};

class PipelineTest : public testing::Test {
 protected:
  Status Run(FakeSource& source, const PipelineOptions& options) {
    return RunPipeline(source, options,
                       {.reject =
                            [this](const Reject& reject) {
                              rejected_.push_back(reject.line);
                              return OkStatus();
                            },
                        .save =
                            [this](const FileProgress& now) {
                              saved_ = now;
                              return OkStatus();
                            },
                        .show = [](const FileProgress&, double) {}},
                       waiter_, progress_);
  }

  FakeWaiter waiter_;
  FileProgress progress_;
  FileProgress saved_;
  std::vector<uint64_t> rejected_;
};

TEST_F(PipelineTest, CountsInTheFilesOrder) {
  FakeSource source(10);
  EXPECT_TRUE(Run(source, {.batch_rows = 3, .in_flight = 4}).ok());
  EXPECT_THAT(rejected_, ElementsAre(0, 3, 6, 9));
  EXPECT_EQ(saved_.rows, 10U);
  EXPECT_EQ(saved_.rejected, 4U);
  EXPECT_EQ(saved_.position.byte, 10U);
  EXPECT_TRUE(saved_.done);
}

TEST_F(PipelineTest, NothingBehindAFailureIsSaved) {
  FakeSource source(10);
  source.send = [](uint64_t first) {
    return first == 4 ? Unavailable("LOG_UNAVAILABLE", "later") : OkStatus();
  };
  EXPECT_EQ(Run(source, {.batch_rows = 2, .in_flight = 3}).reason(), "LOG_UNAVAILABLE");
  EXPECT_EQ(saved_.position.byte, 4U);
  EXPECT_FALSE(saved_.done);
  EXPECT_THAT(rejected_, ElementsAre(0, 2));
}

TEST_F(PipelineTest, WhatCameBeforeTheSourceFailedIsSaved) {
  FakeSource source(5);
  source.end = {Code::kDataLoss, "FILE_TRUNCATED", "copy it again"};
  EXPECT_EQ(Run(source, {.batch_rows = 2, .in_flight = 4}).reason(), "FILE_TRUNCATED");
  EXPECT_EQ(saved_.rows, 5U);
  EXPECT_FALSE(saved_.done);
}

TEST_F(PipelineTest, AnInterruptionCountsWhatWasSent) {
  FakeSource source(100);
  std::atomic<int> sent = 0;
  source.send = [&](uint64_t) {
    if (++sent == 2) waiter_.Interrupt();
    return OkStatus();
  };
  EXPECT_EQ(Run(source, {.batch_rows = 1, .in_flight = 2}).reason(), "INTERRUPTED");
  EXPECT_EQ(saved_.rows, static_cast<uint64_t>(sent));
  EXPECT_LT(saved_.rows, 100U);
}

TEST_F(PipelineTest, KeepsToTheRate) {
  FakeSource source(10);
  const Duration begin = waiter_.Elapsed();
  EXPECT_TRUE(Run(source, {.batch_rows = 2, .in_flight = 4, .rows_per_second = 4}).ok());
  // Five batches; the first goes at once.
  EXPECT_EQ(waiter_.Elapsed() - begin, std::chrono::seconds(2));
}

TEST(RetryingTest, WaitsEverLongerAndAtLeastAsTheServerSays) {
  FakeWaiter waiter;
  int calls = 0;
  const Retrying retrying(waiter, std::chrono::minutes(5), [](const Status&, Duration) {});
  EXPECT_TRUE(retrying
                  .Run([&] {
                    ++calls;
                    if (calls == 3) {
                      return ResourceExhausted("BUSY", "?").With("retry_after_ms", "3000");
                    }
                    return calls < 5 ? Unavailable("DOWN", "?") : OkStatus();
                  })
                  .ok());
  const std::vector<Duration> waits = waiter.waits();
  ASSERT_EQ(waits.size(), 4U);
  const Duration least[] = {std::chrono::milliseconds(100), std::chrono::milliseconds(200),
                            std::chrono::seconds(3), std::chrono::milliseconds(800)};
  for (size_t i = 0; i < waits.size(); ++i) {
    EXPECT_GE(waits[i], least[i]);
    EXPECT_LE(waits[i], least[i] * 5 / 4);
  }
}

TEST(RetryingTest, GivesUpInTheEndAndAtOnceWhereItIsInVain) {
  FakeWaiter waiter;
  const Retrying retrying(waiter, std::chrono::minutes(1), [](const Status&, Duration) {});
  EXPECT_EQ(retrying.Run([] { return Unavailable("DOWN", "?"); }).reason(), "DOWN");
  EXPECT_LE(waiter.Elapsed(), std::chrono::seconds(61));
  const size_t waits = waiter.waits().size();
  EXPECT_EQ(retrying.Run([] { return InvalidArgument("WRONG", "?"); }).reason(), "WRONG");
  EXPECT_EQ(waiter.waits().size(), waits);
  waiter.Interrupt();
  EXPECT_EQ(retrying.Run([] { return Unavailable("DOWN", "?"); }).reason(), "INTERRUPTED");
}

}  // namespace
}  // namespace epigrid::ctl
