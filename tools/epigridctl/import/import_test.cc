// Imports against fake services, in this process and by the binary, which is killed.
#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <zlib.h>

#include <atomic>
#include <csignal>
#include <fstream>
#include <mutex>
#include <nlohmann/json.hpp>
#include <utility>

#include "common/base/ids.h"
#include "tests/fakes/temporary_directory.h"
#include "tools/epigridctl/testing/run.h"

namespace epigrid::ctl {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ImportTest : public testing::Test {
 protected:
  std::string Write(const std::string& name, const std::string& content) const {
    const std::filesystem::path path = directory_ / name;
    std::ofstream(path, std::ios::binary) << content;
    return path;
  }
  std::string Read(const std::string& name) const {
    std::ifstream stream(directory_ / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
  }

  // People p0 ... in households of two, of whom the second is the first's dependant.
  std::string WritePeople(int count) const {
    std::string text =
        "person,document_type,document_number,document_issuer,name,guardian,household,"
        "household_from_time,region_code\n";
    for (int i = 0; i < count; ++i) {
      text += fmt::format("p{},PASSPORT,N{},UTO,Name {},{},h{},2022-01-01T00:00:00Z,3301\n", i, i,
                          i, i % 2 == 1 ? fmt::format("p{}", i - 1) : "", i / 2);
    }
    return Write("people.csv", text);
  }
  std::string WritePresence(int count, int people) const {
    std::string text = "source_id\tperson\tsetting\tcheck_in_time\n";
    for (int i = 0; i < count; ++i) {
      text += fmt::format("v{}\tp{}\tcafe\t2022-11-11T08:30:00+08:00\n", i, i % people);
    }
    return Write("presence.tsv", text);
  }

  Ran Import(std::vector<std::string> arguments) { return Import(waiter_, std::move(arguments)); }
  Ran Import(FakeWaiter& waiter, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"import", "--state", directory_ / "state"});
    return RunTool(fake_, waiter, arguments);
  }

  void ExpectPeople(int count) const {
    const Taken taken = fake_.GetTaken();
    EXPECT_EQ(taken.people.size(), static_cast<size_t>(count));
    EXPECT_EQ(taken.memberships.size(), static_cast<size_t>(count));
    EXPECT_EQ(taken.regions.size(), static_cast<size_t>((count + 1) / 2));
    EXPECT_EQ(taken.guardians.size(), static_cast<size_t>(count / 2));
    EXPECT_THAT(taken.conflicts, IsEmpty());
  }

  const TemporaryDirectory directory_;
  FakeServices fake_;
  FakeWaiter waiter_;
};

TEST_F(ImportTest, ACityOfFourFiles) {
  const std::string tests =
      Write("tests.csv",
            "source_id,person,outcome,method,sampled_time,cycle_threshold\nt1,p3,POSITIVE,"
            "ANTIGEN,2022-11-11T08:30:00Z,21.5\n");
  const std::string presence = WritePresence(12, 10);
  const std::string settings =
      Write("settings.csv", "setting,category,usual_stay_minutes\ncafe,CATERING,90\n");
  const std::string people = WritePeople(10);
  // The order on the command line does not matter.
  const Ran ran = Import({tests, presence, settings, people, "--batch", "3"});
  ASSERT_EQ(ran.exit_code, ExitCode::kOk) << ran.err << ran.out;
  ExpectPeople(10);
  const Taken taken = fake_.GetTaken();
  ASSERT_EQ(taken.settings.size(), 1U);
  const std::string cafe = DeriveId(kSettingId, {"import", "cafe"});
  EXPECT_EQ(taken.settings.at(cafe).usual_stay().seconds(), 5400);
  EXPECT_EQ(taken.presences.size(), 12U);
  EXPECT_EQ(taken.presences.at("v11").check_in().setting_id(), cafe);
  EXPECT_EQ(taken.presences.at("v11").person_id(), taken.person_ids.at("N1"));
  ASSERT_EQ(taken.evidence.size(), 1U);
  EXPECT_EQ(taken.evidence.at("t1").person_id(), taken.person_ids.at("N3"));
  EXPECT_EQ(taken.evidence.at("t1").test().sampling_id(), "t1");
  EXPECT_EQ(taken.guardians.at(taken.person_ids.at("N9")), taken.person_ids.at("N8"));
  EXPECT_THAT(ran.out, HasSubstr("people.csv (people): 10 rows in"));
}

TEST_F(ImportTest, WhatWasImportedIsNotSentAgainUnlessItIsAskedFor) {
  const std::string people = WritePeople(4);
  ASSERT_EQ(Import({people}).exit_code, ExitCode::kOk);
  const size_t calls = fake_.GetTaken().calls.at("BatchRegisterPersons");
  const Ran second = Import({people});
  EXPECT_EQ(second.exit_code, ExitCode::kOk);
  EXPECT_THAT(second.out, HasSubstr("was imported before, 4 rows"));
  EXPECT_EQ(fake_.GetTaken().calls.at("BatchRegisterPersons"), calls);
  EXPECT_EQ(Import({people, "--again"}).exit_code, ExitCode::kOk);
  EXPECT_EQ(fake_.GetTaken().calls.at("BatchRegisterPersons"), calls + 1);
  ExpectPeople(4);
}

TEST_F(ImportTest, WhatIsImportedAgainAndStoppedGoesOn) {
  ASSERT_EQ(Import({WritePeople(4)}).exit_code, ExitCode::kOk);
  const std::string presence = WritePresence(40, 4);
  ASSERT_EQ(Import({presence}).exit_code, ExitCode::kOk);
  std::atomic<int> calls = 0;
  fake_.before = [&calls](const std::string&) {
    return ++calls == 5 ? Status(Code::kUnauthenticated, "TOKEN_UNKNOWN", "no such token")
                        : OkStatus();
  };
  const std::vector<std::string> again = {presence,      "--again", "--batch", "4",
                                          "--in-flight", "1",       "--json"};
  EXPECT_THAT(Import(again).err, HasSubstr("12 rows before line 14 are done"));
  const Ran resumed = Import(again);
  EXPECT_EQ(resumed.exit_code, ExitCode::kOk) << resumed.err;
  EXPECT_EQ(nlohmann::json::parse(resumed.out)[0]["rows_now"], 28);
}

TEST_F(ImportTest, ARejectFileThatWasMadeShorterIsMovedAwayToGoOn) {
  ASSERT_EQ(Import({WritePeople(4)}).exit_code, ExitCode::kOk);
  std::atomic<int> calls = 0;
  fake_.before = [&calls](const std::string&) {
    return ++calls == 5 ? Status(Code::kUnauthenticated, "TOKEN_UNKNOWN", "no such token")
                        : OkStatus();
  };
  fake_.item = [](const std::string& key) {
    return key == "v1" || key == "v39" ? InvalidArgument("WRONG", "wrong") : OkStatus();
  };
  const std::string presence = WritePresence(40, 4);
  const std::vector<std::string> command = {presence, "--batch", "4", "--in-flight", "1"};
  ASSERT_EQ(Import(command).exit_code, ExitCode::kFailed);
  const std::string rejects = presence + ".rejected.csv";
  std::filesystem::resize_file(rejects, 10);
  const Ran refused = Import(command);
  EXPECT_EQ(refused.exit_code, ExitCode::kFailed);
  EXPECT_THAT(refused.err, HasSubstr("REJECT_FILE_SHORTER"));
  std::filesystem::rename(rejects, rejects + ".seen");
  EXPECT_EQ(Import(command).exit_code, ExitCode::kPartly);
  EXPECT_THAT(Read("presence.tsv.rejected.csv"), HasSubstr("v39"));
  EXPECT_EQ(fake_.GetTaken().presences.size(), 38U);
}

TEST_F(ImportTest, IdsStandForThemselvesAndMistypedOnesForNothing) {
  ASSERT_EQ(Import({WritePeople(2)}).exit_code, ExitCode::kOk);
  const std::string setting = DeriveId(kSettingId, {"cafe"});
  const std::string household = DeriveId(kHouseholdId, {"home"});
  std::string mistyped = setting;
  mistyped.back() = mistyped.back() == '0' ? '1' : '0';
  const std::string presence =
      Write("presence.csv", fmt::format("source_id,person,setting,check_in_time\n"
                                        "v0,p0,{},2022-11-11T08:30:00Z\n"
                                        "v1,p0,{},2022-11-11T09:30:00Z\n"
                                        "v2,p0,{},2022-11-11T10:30:00Z\n",
                                        setting, household, mistyped));
  EXPECT_EQ(Import({presence}).exit_code, ExitCode::kPartly);
  const Taken taken = fake_.GetTaken();
  ASSERT_EQ(taken.presences.size(), 2U);
  EXPECT_EQ(taken.presences.at("v0").check_in().setting_id(), setting);
  EXPECT_EQ(taken.presences.at("v1").check_in().setting_id(), household);
  EXPECT_THAT(Read("presence.csv.rejected.csv"), HasSubstr("4,ID_MALFORMED"));
}

TEST_F(ImportTest, RejectedRowsAreListedWithLineReasonAndRow) {
  fake_.item = [](const std::string& key) {
    if (key == "v1") return InvalidArgument("TIME_TOO_EARLY", "before \"retention\"");
    return OkStatus();
  };
  ASSERT_EQ(Import({WritePeople(2)}).exit_code, ExitCode::kOk);
  const std::string presence = Write("presence.csv",
                                     "source_id,person,setting,check_in_time\n"
                                     "v0,p0,cafe,2022-11-11T08:30:00Z\n"
                                     "v1,p1,cafe,2022-11-11T08:30:00Z\n"
                                     "v2,p1,cafe,yesterday\n"
                                     "v3,p9,cafe,2022-11-11T08:30:00Z\n"
                                     "v4,p1,cafe,2022-11-11T08:30:00Z\n");
  const Ran ran = Import({presence, "--json"});
  EXPECT_EQ(ran.exit_code, ExitCode::kPartly) << ran.err;
  EXPECT_EQ(nlohmann::json::parse(ran.out)[0]["rejected"], 3);
  EXPECT_EQ(fake_.GetTaken().presences.size(), 2U);
  EXPECT_EQ(Read("presence.csv.rejected.csv"),
            "line,reason,message,row\n"
            "3,TIME_TOO_EARLY,\"before \"\"retention\"\"\",\"v1,p1,cafe,2022-11-11T08:30:00Z\"\n"
            "4,IMPORT_VALUE_INVALID,\"column check_in_time must be a time after 1970 with its "
            "zone, such as 2022-11-11T08:30:00+08:00\",\"v2,p1,cafe,yesterday\"\n"
            "5,PERSON_KEY_UNKNOWN,\"column person names nobody who was imported: import the "
            "people first, with the same --source and --state\","
            "\"v3,p9,cafe,2022-11-11T08:30:00Z\"\n");
}

TEST_F(ImportTest, APersonMayBeTakenInPart) {
  const std::string people = Write("people.csv",
                                   "person,document_type,document_number,name,guardian\n"
                                   "a,PASSPORT,N1,A,nobody\n"
                                   "a,PASSPORT,N2,B,\n"
                                   "c,MEMBERSHIP_CARD,N3,C,\n");
  EXPECT_EQ(Import({people}).exit_code, ExitCode::kPartly);
  EXPECT_EQ(fake_.GetTaken().people.size(), 2U);
  const std::string rejected = Read("people.csv.rejected.csv");
  EXPECT_THAT(rejected,
              HasSubstr("2,GUARDIAN_KEY_UNKNOWN,\"registered, but without the guardian:"));
  EXPECT_THAT(rejected, HasSubstr("3,PERSON_KEY_TAKEN,"));
  EXPECT_THAT(rejected, HasSubstr("4,IMPORT_VALUE_INVALID,"));
}

TEST_F(ImportTest, BatchesOfPeopleWithoutAGoodRowHoldNobodyUp) {
  std::string text = "person,document_type,document_number,name\n";
  for (int i = 0; i < 12; ++i) {
    text += i % 4 == 3 ? fmt::format("p{},PASSPORT,N{},Name\n", i, i) : "p,PASSPORT,,Name\n";
  }
  const Ran ran = Import({Write("people.csv", text), "--batch", "1", "--in-flight", "2", "--json"});
  EXPECT_EQ(ran.exit_code, ExitCode::kPartly) << ran.err;
  EXPECT_EQ(nlohmann::json::parse(ran.out)[0]["rejected"], 9);
  EXPECT_EQ(fake_.GetTaken().people.size(), 3U);
}

TEST_F(ImportTest, CtrlCEndsAnImportOfPeopleWhoseBatchesWaitForEachOther) {
  FakeWaiter waiter;
  std::atomic<int> batches = 0;
  // The first batch is refused for ever, so that the others, registered, wait for their turn.
  fake_.item = [&](const std::string& key) {
    if (key == "N0") return Unavailable("LOG_UNAVAILABLE", "later");
    ++batches;
    return OkStatus();
  };
  waiter.on_wait = [&] {
    if (batches == 2) waiter.Interrupt();
  };
  const std::string people = WritePeople(9);
  const Ran stopped =
      Import(waiter, {people, "--batch", "1", "--in-flight", "3", "--give-up-after", "1000h"});
  EXPECT_EQ(stopped.exit_code, ExitCode::kInterrupted) << stopped.err;
  fake_.item = nullptr;
  EXPECT_EQ(Import({people}).exit_code, ExitCode::kOk);
  ExpectPeople(9);
}

TEST_F(ImportTest, HouseholdsAreToldOfWithTheirMembersInOneCall) {
  EXPECT_EQ(Import({WritePeople(30)}).exit_code, ExitCode::kOk);
  ExpectPeople(30);
  const Taken taken = fake_.GetTaken();
  EXPECT_EQ(taken.calls.at("BatchUpdateMemberships"), 1U);
  for (const auto& [household, region] : taken.regions) EXPECT_EQ(region, "3301") << household;
}

TEST_F(ImportTest, CallsThatFailAreMadeAgain) {
  std::atomic<int> calls = 0;
  fake_.before = [&calls](const std::string&) {
    if (++calls % 3 == 0) return Unavailable("LOG_UNAVAILABLE", "later");
    if (calls % 3 == 1) return ResourceExhausted("BUSY", "later").With("retry_after_ms", "2000");
    return OkStatus();
  };
  // Done, and not answered: the retry must not count twice.
  fake_.after = [&calls](const std::string&) {
    return calls % 2 == 0 ? Unavailable("OUTCOME_UNKNOWN", "send it again") : OkStatus();
  };
  const std::string people = WritePeople(7);
  const Ran ran = Import({people, WritePresence(20, 7), "--batch", "2"});
  EXPECT_EQ(ran.exit_code, ExitCode::kOk) << ran.err;
  ExpectPeople(7);
  EXPECT_EQ(fake_.GetTaken().presences.size(), 20U);
  EXPECT_THAT(ran.err, HasSubstr("trying again in"));
}

TEST_F(ImportTest, AnItemThatMayPassIsSentAgainWithItsBatch) {
  std::atomic<int> refusals = 0;
  fake_.item = [&refusals](const std::string& key) {
    if (key == "N1" && ++refusals < 3) return Unavailable("OUTCOME_UNKNOWN", "send it again");
    return OkStatus();
  };
  EXPECT_EQ(Import({WritePeople(4)}).exit_code, ExitCode::kOk);
  ExpectPeople(4);
  EXPECT_EQ(fake_.GetTaken().calls.at("BatchRegisterPersons"), 3U);
}

TEST_F(ImportTest, AnErrorThatDoesNotPassStopsItAndItGoesOnLater) {
  ASSERT_EQ(Import({WritePeople(4)}).exit_code, ExitCode::kOk);
  std::atomic<int> calls = 0;
  fake_.before = [&calls](const std::string&) {
    return ++calls == 5 ? Status(Code::kUnauthenticated, "TOKEN_UNKNOWN", "no such token")
                        : OkStatus();
  };
  const std::string presence = WritePresence(40, 4);
  const Ran stopped = Import({presence, "--batch", "4", "--in-flight", "1"});
  EXPECT_EQ(stopped.exit_code, ExitCode::kFailed);
  EXPECT_THAT(stopped.err, HasSubstr("UNAUTHENTICATED TOKEN_UNKNOWN"));
  EXPECT_THAT(stopped.err, HasSubstr("12 rows before line 14 are done"));
  const Ran resumed = Import({presence, "--batch", "4", "--in-flight", "1", "--json"});
  EXPECT_EQ(resumed.exit_code, ExitCode::kOk) << resumed.err;
  EXPECT_EQ(nlohmann::json::parse(resumed.out)[0]["rows_now"], 28);
  EXPECT_EQ(fake_.GetTaken().presences.size(), 40U);
}

TEST_F(ImportTest, CtrlCStopsAndSaysHowToGoOn) {
  ASSERT_EQ(Import({WritePeople(4)}).exit_code, ExitCode::kOk);
  const std::string presence = WritePresence(40, 4);
  FakeWaiter waiter;
  std::atomic<int> calls = 0;
  fake_.after = [&](const std::string& method) {
    if (method == "BatchRecordPresences" && ++calls == 3) waiter.Interrupt();
    return OkStatus();
  };
  const Ran stopped = Import(waiter, {presence, "--batch", "4", "--in-flight", "2"});
  EXPECT_EQ(stopped.exit_code, ExitCode::kInterrupted);
  EXPECT_THAT(stopped.err, HasSubstr("the same command goes on from there"));
  EXPECT_LT(fake_.GetTaken().presences.size(), 40U);
  EXPECT_EQ(Import({presence}).exit_code, ExitCode::kOk);
  EXPECT_EQ(fake_.GetTaken().presences.size(), 40U);
}

TEST_F(ImportTest, ATruncatedGzipFileIsToldAfterItsRowsWereTaken) {
  ASSERT_EQ(Import({WritePeople(4)}).exit_code, ExitCode::kOk);
  const std::string plain = Read(std::filesystem::path(WritePresence(5000, 4)).filename());
  const std::string path = directory_ / "presence.tsv.gz";
  gzFile file = gzopen(path.c_str(), "wb");
  gzwrite(file, plain.data(), static_cast<unsigned>(plain.size()));
  gzclose(file);
  std::filesystem::resize_file(path, std::filesystem::file_size(path) / 2);
  const Ran ran = Import({path, "--batch", "500"});
  EXPECT_EQ(ran.exit_code, ExitCode::kFailed);
  EXPECT_THAT(ran.err, HasSubstr("DATA_LOSS FILE_TRUNCATED"));
  const size_t taken = fake_.GetTaken().presences.size();
  EXPECT_GT(taken, 500U);
  EXPECT_LT(taken, 5000U);
}

TEST_F(ImportTest, AHeaderThatNoFileHasIsToldBeforeAnythingIsSent) {
  const std::string bad = Write("visits.csv", "who,where,when\na,b,c\n");
  const Ran ran = Import({WritePeople(2), bad});
  EXPECT_EQ(ran.exit_code, ExitCode::kFailed);
  EXPECT_THAT(ran.err, HasSubstr("IMPORT_HEADER_UNKNOWN"));
  EXPECT_THAT(ran.err, HasSubstr("visits.csv"));
  EXPECT_THAT(fake_.GetTaken().calls, IsEmpty());
}

TEST_F(ImportTest, FilesWhoseRejectsWouldMeetAreRefused) {
  ASSERT_EQ(Import({WritePeople(2)}).exit_code, ExitCode::kOk);
  // A file is known by its size, time and content: two that are alike would be one.
  const std::string header = "source_id,person,setting,check_in_time\n";
  for (const std::string part : {"east", "west", "rejects"}) {
    std::filesystem::create_directories(directory_ / part);
  }
  const std::string east = Write("east/presence.csv", header + "east,p9,cafe,yesterday\n");
  const std::string west = Write("west/presence.csv", header + "west,p9,cafe,yesterday\n");
  const Ran refused = Import({east, west, "--rejects", directory_ / "rejects"});
  EXPECT_EQ(refused.exit_code, ExitCode::kUsage);
  EXPECT_THAT(refused.err, HasSubstr("INVALID_ARGUMENT REJECT_FILES_COLLIDE"));
  EXPECT_THAT(refused.err, HasSubstr(east + " and " + west));
  EXPECT_EQ(Import({east, west}).exit_code, ExitCode::kPartly);
  EXPECT_THAT(Read("east/presence.csv.rejected.csv"), HasSubstr("IMPORT_VALUE_INVALID"));
  EXPECT_THAT(Read("west/presence.csv.rejected.csv"), HasSubstr("IMPORT_VALUE_INVALID"));
}

TEST_F(ImportTest, RejectsDoNotReplaceAFileThatIsToBeImported) {
  const std::string header = "source_id,person,setting,check_in_time\n";
  const std::string visits = Write("visits.csv", header + "a,p0,cafe,yesterday\n");
  // Rejected rows that somebody has mended.
  const std::string mended_row = "a,p0,cafe,2022-01-01T12:00:00Z\n";
  const std::string mended = Write("visits.csv.rejected.csv", header + mended_row);
  const Ran refused = Import({WritePeople(2), visits, mended});
  EXPECT_EQ(refused.exit_code, ExitCode::kUsage);
  EXPECT_THAT(refused.err, HasSubstr("INVALID_ARGUMENT REJECT_FILES_COLLIDE"));
  EXPECT_EQ(Read("visits.csv.rejected.csv"), header + mended_row);
}

TEST_F(ImportTest, ADryRunSendsAndKeepsNothing) {
  const std::string people = Write("people.csv",
                                   "person,document_type,document_number,name\n"
                                   "a,PASSPORT,N1,A\nb,PASSPORT,,B\n");
  const Ran ran = Import({people, "--dry-run"});
  EXPECT_EQ(ran.exit_code, ExitCode::kPartly);
  EXPECT_THAT(ran.err, HasSubstr("people.csv:3: INVALID_ARGUMENT IMPORT_VALUE_MISSING"));
  EXPECT_THAT(fake_.GetTaken().calls, IsEmpty());
  EXPECT_FALSE(std::filesystem::exists(directory_ / "state"));
  EXPECT_FALSE(std::filesystem::exists(people + ".rejected.csv"));
}

TEST_F(ImportTest, TheStateOfAnotherServerIsRefused) {
  ASSERT_EQ(Import({WritePeople(2)}).exit_code, ExitCode::kOk);
  const FakeServices other;
  const Ran ran = Import({WritePresence(2, 2), "--server", other.address()});
  EXPECT_EQ(ran.exit_code, ExitCode::kFailed);
  EXPECT_THAT(ran.err, HasSubstr("STATE_OF_ANOTHER_SERVER"));
  EXPECT_THAT(other.GetTaken().presences, IsEmpty());
}

// Kills the binary in the middle of a call, many times over, and goes on each time.
class ImportKillTest : public ImportTest {
 protected:
  // Runs the binary; it is killed in its `calls`th call, or never if it makes fewer.
  int RunBinary(const std::vector<std::string>& files, int calls) {
    std::vector<std::string> arguments = {EPIGRIDCTL_PATH, "import",  "--server",
                                          fake_.address(), "--state", directory_ / "state",
                                          "--batch",       "3"};
    arguments.insert(arguments.end(), files.begin(), files.end());
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    const std::string log = directory_ / "output";
    for (const int stream : {1, 2}) {
      posix_spawn_file_actions_addopen(&actions, stream, log.c_str(), O_WRONLY | O_CREAT | O_APPEND,
                                       0600);
    }
    {
      const std::lock_guard lock(mutex_);
      calls_left_ = calls;
      EXPECT_EQ(posix_spawn(&process_, argv[0], &actions, nullptr, argv.data(), environ), 0);
    }
    posix_spawn_file_actions_destroy(&actions);
    int status = 0;
    // It stays a zombie, and its number its own, until nobody will kill it any more.
    siginfo_t ended = {};
    EXPECT_EQ(waitid(P_PID, static_cast<id_t>(process_), &ended, WEXITED | WNOWAIT), 0);
    const std::lock_guard lock(mutex_);
    EXPECT_EQ(waitpid(std::exchange(process_, 0), &status, 0), ended.si_pid);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
  }

  // The fake's `after`. Calls of a process that was killed may still be under way when the next one
  // runs: they count, too.
  Status KillWhenDue() {
    const std::lock_guard lock(mutex_);
    if (process_ != 0 && --calls_left_ == 0) kill(process_, SIGKILL);
    return OkStatus();
  }

  std::mutex mutex_;
  pid_t process_ = 0;
  int calls_left_ = 0;
};

TEST_F(ImportKillTest, NothingIsLostAndNothingIsDoubled) {
  const std::vector<std::string> files = {WritePeople(20), WritePresence(60, 20)};
  fake_.item = [](const std::string& key) {
    return key == "v7" || key == "v50" ? InvalidArgument("WRONG", "wrong") : OkStatus();
  };
  fake_.after = [this](const std::string&) { return KillWhenDue(); };
  int kills = 0;
  int exit_code = -SIGKILL;
  // Each run gets a little further than the one before at the latest when it may make more calls.
  for (int calls = 1; exit_code == -SIGKILL; ++calls) {
    ASSERT_LT(calls, 200);
    exit_code = RunBinary(files, calls);
    kills += exit_code == -SIGKILL ? 1 : 0;
  }
  EXPECT_EQ(exit_code, 3) << Read("output");
  EXPECT_GT(kills, 3);
  ExpectPeople(20);
  const Taken taken = fake_.GetTaken();
  EXPECT_EQ(taken.presences.size(), 58U);
  for (const auto& [source_id, presence] : taken.presences) {
    const int number = std::stoi(source_id.substr(1));
    EXPECT_EQ(presence.person_id(), taken.person_ids.at(fmt::format("N{}", number % 20)));
  }
  EXPECT_EQ(Read("presence.tsv.rejected.csv"),
            "line,reason,message,row\n"
            "9,WRONG,\"wrong\",\"v7\tp7\tcafe\t2022-11-11T08:30:00+08:00\"\n"
            "52,WRONG,\"wrong\",\"v50\tp10\tcafe\t2022-11-11T08:30:00+08:00\"\n");
}

}  // namespace
}  // namespace epigrid::ctl
