#include "tools/citysim/checkins.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <set>

#include "common/base/ids.h"
#include "tests/fakes/shared_data.h"
#include "tests/fakes/temporary_directory.h"

namespace epigrid {
namespace {

using std::chrono::days;
using std::chrono::hours;
using testing::Pair;

constexpr std::string_view kGood =
    "0\t2010-10-12T00:21:28Z\t40.6438845363\t-73.78280639649999\t23261\n";

TEST(CheckInReader, ReadsARow) {
  CheckInReader reader(OpenMemory(kGood));
  CheckIn check_in;
  Status problem;
  ASSERT_TRUE(*reader.Next(check_in, problem));
  ASSERT_EQ(problem, OkStatus());
  EXPECT_TRUE(check_in == (CheckIn{1, "0", Time::FromSeconds(1286842888), 40.6438845363,
                                   -73.78280639649999, "23261"}));
  EXPECT_FALSE(*reader.Next(check_in, problem));
}

TEST(CheckInReader, TellsLineAndReasonOfEachBadRow) {
  const std::string content = std::string(kGood) +
                              "0\t2010-10-12T00:21:28Z\t40.6\t-73.7\n"
                              "0\t2010-10-12\t40.6\t-73.7\t1\n"
                              "0\t2010-10-12T00:21:28Z\t91\t-73.7\t1\n"
                              "0\t2010-10-12T00:21:28Z\t40.6\t-181\t1\n"
                              "\t2010-10-12T00:21:28Z\t40.6\t-73.7\t1\n"
                              "0\t2010-10-12T00:21:28Z\t40.6\t-73.7\t\xFF\n" +
                              std::string(kGood);
  CheckInReader reader(OpenMemory(content));
  std::vector<std::pair<uint64_t, std::string>> seen;
  CheckIn check_in;
  Status problem;
  while (*reader.Next(check_in, problem)) seen.emplace_back(check_in.line, problem.reason());
  EXPECT_THAT(seen,
              testing::ElementsAre(Pair(1, ""), Pair(2, "IMPORT_FIELD_COUNT"),
                                   Pair(3, "IMPORT_VALUE_INVALID"), Pair(4, "IMPORT_VALUE_INVALID"),
                                   Pair(5, "IMPORT_VALUE_INVALID"), Pair(6, "IMPORT_VALUE_MISSING"),
                                   Pair(7, "IMPORT_VALUE_INVALID"), Pair(8, "")));
}

TEST(CheckIns, BecomeIds) {
  EXPECT_EQ(CheckId(kPersonId, PersonIdOfUser("0"), "person"), OkStatus());
  EXPECT_EQ(CheckId(kSettingId, SettingIdOfPlace("0"), "setting"), OkStatus());
  EXPECT_NE(PersonIdOfUser("1"), PersonIdOfUser("11"));
}

TEST(ShiftIntoWindow, KeepsTheWeekdayAndEndsBeforeTheAnchor) {
  const Time anchor = Time::FromSeconds(1'700'000'000);
  for (const int64_t ago : {-20, -1, 0, 1, 13, 14, 15, 5000}) {
    const Time time = anchor - days(ago) - hours(3);
    const Time shifted = ShiftIntoWindow(time, anchor);
    EXPECT_GE(shifted, anchor - days(14));
    EXPECT_LT(shifted, anchor);
    EXPECT_EQ((shifted - time) % days(14), Duration(0));
  }
  EXPECT_EQ(ShiftIntoWindow(anchor, anchor), anchor - days(14));
  EXPECT_EQ(ShiftIntoWindow(anchor - days(14), anchor), anchor - days(14));
  EXPECT_EQ(ShiftIntoWindow(anchor - Duration(1), anchor), anchor - Duration(1));
}

TEST(ReadCheckIns, NoticesATruncatedFile) {
  const std::filesystem::path full = SharedData("gowalla-nyc/checkins.tsv.gz");
  if (full.empty()) GTEST_SKIP() << kSharedDataAbsent;
  const TemporaryDirectory directory;
  const std::filesystem::path copy = directory / "checkins.tsv.gz";
  std::ofstream(copy, std::ios::binary) << std::ifstream(full, std::ios::binary).rdbuf();
  std::filesystem::resize_file(copy, 1'000'000);
  const auto check_ins = ReadCheckIns(copy, [](uint64_t, const Status&) { FAIL(); });
  EXPECT_EQ(check_ins.status().reason(), "FILE_TRUNCATED");
}

TEST(ReadCheckIns, ReadsAllOfGowalla) {
  const std::filesystem::path path = SharedData("gowalla-nyc/checkins.tsv.gz");
  if (path.empty()) GTEST_SKIP() << kSharedDataAbsent;
  const auto check_ins = ReadCheckIns(path, [](uint64_t line, const Status& problem) {
    FAIL() << line << ": " << problem.ToString();
  });
  ASSERT_TRUE(check_ins.ok()) << check_ins.status().ToString();
  std::set<std::string> users;
  std::set<std::string> places;
  std::set<uint64_t> lines;
  for (const CheckIn& check_in : *check_ins) {
    users.insert(check_in.user);
    places.insert(check_in.place);
    lines.insert(check_in.line);
  }
  EXPECT_EQ(check_ins->size(), 138'957U);
  EXPECT_EQ(lines.size(), 138'957U);
  EXPECT_EQ(users.size(), 7'115U);
  EXPECT_EQ(places.size(), 21'509U);
}

}  // namespace
}  // namespace epigrid
