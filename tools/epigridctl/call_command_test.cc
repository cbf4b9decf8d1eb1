#include "tools/epigridctl/call_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "common/base/ids.h"
#include "tests/fakes/temporary_directory.h"
#include "tools/epigridctl/testing/run.h"

namespace epigrid::ctl {
namespace {

using ::testing::HasSubstr;

TEST(CallCommandTest, WithoutAMethodAllAreListed) {
  const FakeServices fake;
  const Ran ran = RunTool(fake, {"call"});
  EXPECT_EQ(ran.exit_code, ExitCode::kOk) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("epigrid.identity.v1.IdentityService\n"
                                 "  RegisterPerson(RegisterPersonRequest) returns "
                                 "(RegisterPersonResponse)\n"));
  const Ran as_json = RunTool(fake, {"call", "--json"});
  EXPECT_EQ(nlohmann::json::parse(as_json.out)["epigrid.identity.v1.IdentityService"][2]["method"],
            "GetPerson");
}

TEST(CallCommandTest, AMethodIsFoundByAnyPartOfItsNameThatIsItsOwn) {
  const FakeServices fake;
  for (const char* name : {"epigrid.operations.v1.OperationsService/AwaitQuiet",
                           "/epigrid.operations.v1.OperationsService/AwaitQuiet",
                           "OperationsService/AwaitQuiet", "operations.AwaitQuiet", "AwaitQuiet"}) {
    const Ran ran = RunTool(fake, {"call", name});
    EXPECT_EQ(ran.exit_code, ExitCode::kOk) << name << ": " << ran.err;
    EXPECT_EQ(ran.out, "backed_off_count:  0\n") << name;
  }
  const Ran unknown = RunTool(fake, {"call", "Quiet"});
  EXPECT_EQ(unknown.exit_code, ExitCode::kFailed);
  EXPECT_THAT(unknown.err, HasSubstr("NOT_FOUND METHOD_UNKNOWN"));
}

TEST(CallCommandTest, AnErrorSaysCodeReasonMessageFieldAndServer) {
  const FakeServices fake;
  const Ran ran = RunTool(fake, {"call", "identity.GetPerson", R"({"person_id": "nobody"})"});
  EXPECT_EQ(ran.exit_code, ExitCode::kFailed);
  EXPECT_EQ(ran.err,
            "epigridctl: NOT_FOUND PERSON_UNKNOWN\n"
            "  message:  there is no person with this id\n"
            "  field:    person_id\n"
            "  server:   " +
                fake.address() + "\n");
  const Ran as_json = RunTool(fake, {"call", "identity.GetPerson", "{}", "--json"});
  EXPECT_EQ(nlohmann::json::parse(as_json.err)["reason"], "PERSON_UNKNOWN");
}

TEST(CallCommandTest, TheRequestMayStandInAFile) {
  const FakeServices fake;
  const TemporaryDirectory directory;
  const auto path = directory / "request.json";
  std::ofstream(path) << R"({"observations": [{"source_id": "7"}]})";
  const Ran ran = RunTool(fake, {"call", "BatchRecordPresences", "@" + path.string(), "--json"});
  EXPECT_EQ(ran.exit_code, ExitCode::kOk) << ran.err;
  EXPECT_EQ(nlohmann::json::parse(ran.out)["accepted_count"], 1);
  EXPECT_TRUE(fake.GetTaken().presences.contains("7"));
}

TEST(CallCommandTest, ABadRequestIsToldBeforeItIsSent) {
  const FakeServices fake;
  const Ran no_json = RunTool(fake, {"call", "identity.GetPerson", "{person"});
  EXPECT_THAT(no_json.err, HasSubstr("INVALID_ARGUMENT REQUEST_MALFORMED"));
  const Ran wrong = RunTool(fake, {"call", "identity.GetPerson", R"({"persn_id": ""})"});
  EXPECT_THAT(wrong.err, HasSubstr("persn_id"));
  EXPECT_THAT(wrong.err, HasSubstr("`epigridctl describe GetPersonRequest`"));
  EXPECT_FALSE(fake.GetTaken().calls.contains("GetPerson"));
}

TEST(CallCommandTest, ErrorsInsideAnAnswerArePrintedWithTheirDetails) {
  FakeServices fake;
  fake.item = [](const std::string&) {
    return InvalidArgument("TIME_TOO_EARLY", "too early").With("field", "start_time");
  };
  const Ran ran =
      RunTool(fake, {"call", "BatchRecordPresences", R"({"observations": [{}]})", "--json"});
  ASSERT_EQ(ran.exit_code, ExitCode::kOk) << ran.err;
  const auto status = nlohmann::json::parse(ran.out)["rejected"][0]["status"];
  EXPECT_EQ(status["details"][0]["@type"], "type.googleapis.com/google.rpc.ErrorInfo");
  EXPECT_EQ(status["details"][1]["field_violations"][0]["field"], "start_time");
}

TEST(CallCommandTest, StreamingMethodsTakeAnArrayAndPrintEachAnswer) {
  const FakeServices fake;
  const Ran ran = RunTool(fake, {"call", "ServerReflectionInfo",
                                 R"([{"list_services": ""}, {"file_by_filename": "none.proto"}])"});
  EXPECT_EQ(ran.exit_code, ExitCode::kOk) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("---\n"));
  EXPECT_THAT(ran.out, HasSubstr("error_message:  not found\n"));
}

TEST(DescribeTest, ShowsTypesByTheirShortNames) {
  const FakeServices fake;
  const Ran message = RunTool(fake, {"describe", "GetPersonRequest"});
  EXPECT_THAT(message.out, HasSubstr("message GetPersonRequest {\n  string person_id = 1;\n"));
  const Ran method = RunTool(fake, {"describe", "identity.GetPerson"});
  EXPECT_THAT(method.out, HasSubstr("message GetPersonResponse {"));
  const Ran two = RunTool(fake, {"describe", "RejectedItem"});
  EXPECT_THAT(two.err, HasSubstr("INVALID_ARGUMENT TYPE_AMBIGUOUS"));
  const Ran none = RunTool(fake, {"describe", "Nothing"});
  EXPECT_THAT(none.err, HasSubstr("NOT_FOUND TYPE_UNKNOWN"));
}

TEST(CommandLineTest, AWrongCommandLineHasItsOwnExitCode) {
  const FakeServices fake;
  for (const std::vector<std::string>& command :
       {std::vector<std::string>{"parkde"}, {"parked", "parkde"}}) {
    const Ran unknown = RunTool(fake, command);
    EXPECT_EQ(unknown.exit_code, ExitCode::kUsage);
    EXPECT_THAT(unknown.err, HasSubstr("not expected: parkde"));
  }
  EXPECT_THAT(RunTool(fake, {"log", "tail", "identity.inbox", "0", "--from", "0"}).err,
              HasSubstr("--from: must be above 0: 0"));
  EXPECT_EQ(RunTool(fake, {"rebuild"}).exit_code, ExitCode::kUsage);
  const Ran two_tokens = RunTool(fake, {"status", "--token", "a", "--token-file", "b"});
  EXPECT_EQ(two_tokens.exit_code, ExitCode::kUsage);
  EXPECT_THAT(two_tokens.err, HasSubstr("--token excludes --token-file"));
  EXPECT_EQ(RunTool(fake, {"--help"}).exit_code, ExitCode::kOk);
}

TEST(CommandLineTest, ATokenIsNotSentInTheClear) {
  const FakeServices fake;
  const Ran ran = RunTool(fake, {"call", "--server", "10.0.0.1:1", "--token", "secret"});
  EXPECT_EQ(ran.exit_code, ExitCode::kFailed);
  EXPECT_THAT(ran.err, HasSubstr("FAILED_PRECONDITION TOKEN_UNPROTECTED"));
  EXPECT_THAT(ran.err, ::testing::Not(HasSubstr("secret")));
}

TEST(CommandLineTest, AServerThatIsNotThereIsNamed) {
  const FakeServices fake;
  const Ran ran = RunTool(fake, {"status", "--server", "unix:/nowhere", "--timeout", "5s"});
  EXPECT_EQ(ran.exit_code, ExitCode::kFailed);
  EXPECT_THAT(ran.err, HasSubstr("UNAVAILABLE RPC_UNAVAILABLE"));
  EXPECT_THAT(ran.err, HasSubstr("server:   unix:/nowhere"));
  EXPECT_THAT(ran.err, HasSubstr("to do:"));
}

TEST(CommandLineTest, AServiceMayHaveAServerOfItsOwn) {
  const FakeServices all;
  const FakeServices tracing;
  const Ran ran =
      RunTool(all, {"call", "BatchRecordPresences", R"({"observations": [{}]})", "--server",
                    all.address(), "--server", "contact_tracing=" + tracing.address()});
  EXPECT_EQ(ran.exit_code, ExitCode::kOk) << ran.err;
  EXPECT_EQ(all.GetTaken().presences.size(), 0U);
  EXPECT_EQ(tracing.GetTaken().presences.size(), 1U);
}

}  // namespace
}  // namespace epigrid::ctl
