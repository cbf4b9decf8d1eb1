#include "tools/demo/story.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <utility>

#include "common/base/local_day.h"
#include "common/base/proto_time.h"
#include "tools/import_format/row_reader.h"

namespace epigrid::demo {
namespace {

namespace tracing = contact_tracing::v1;

constexpr Duration kFoldedWithin = std::chrono::hours(1);
// How often it says how far it is while it waits for long.
constexpr Duration kProgressEvery = std::chrono::seconds(10);
constexpr Duration kQuietWithin = std::chrono::minutes(2);

// The value below which this part of the sorted values lies (nearest rank).
double Percentile(const std::vector<double>& sorted, double part) {
  if (sorted.empty()) return 0;
  const auto rank = static_cast<size_t>(std::lround(part * static_cast<double>(sorted.size() - 1)));
  return sorted[rank];
}

double Seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

std::string Millis(double seconds) { return fmt::format("{:.0f} ms", seconds * 1000); }

template <typename Row>
Result<std::vector<Row>> ReadRows(const std::filesystem::path& path) {
  EPIGRID_ASSIGN_OR_RETURN(auto source, OpenFile(path));
  EPIGRID_ASSIGN_OR_RETURN(const Dialect dialect, DialectOf(path));
  EPIGRID_ASSIGN_OR_RETURN(auto reader, RowReader<Row>::Open(std::move(source), dialect));
  std::vector<Row> rows;
  ImportedRow<Row> imported;
  for (;;) {
    EPIGRID_ASSIGN_OR_RETURN(const bool more, reader.Next(imported));
    if (!more) return rows;
    EPIGRID_RETURN_IF_ERROR(imported.problem);
    rows.push_back(std::move(imported.row));
  }
}

std::string ShortName(std::string enum_name, std::string_view prefix) {
  if (enum_name.starts_with(prefix)) enum_name.erase(0, prefix.size());
  return enum_name;
}

std::string ReasonText(const health_code::v1::Reason& reason) {
  if (reason.rule() == "CLOSE_CONTACT") return "lives with the case";
  if (reason.rule() == "PLACE_EXPOSURE") return "was at a place together with the case";
  if (reason.rule() == "CASE") return "is the case";
  return reason.rule();
}

std::string ClearedBy(const health_code::v1::Reason& reason) {
  if (reason.cleared_by() == "TWO_NEGATIVES_24H_APART") {
    return "cleared by two negative tests at least 24 h apart";
  }
  if (reason.cleared_by() == "SEPARATION") return "held until they live apart";
  if (reason.has_until_time()) return "until " + FormatRfc3339(FromProto(reason.until_time()));
  return "cleared by the authority";
}

}  // namespace

Story::Story(Backend& backend, Receiver& receiver, StoryOptions options)
    : backend_(backend),
      receiver_(receiver),
      options_(std::move(options)),
      progress_path_(options_.directory / "story.progress") {}

Status Story::Tell() {
  const std::filesystem::path kept = options_.directory / "story.txt";
  if (std::ifstream told(kept); told) {
    fmt::print("The story was told on this data already; it is not done again:\n\n{}",
               std::string(std::istreambuf_iterator<char>(told), {}));
    return OkStatus();
  }
  EPIGRID_RETURN_IF_ERROR(ReadPeople());
  EPIGRID_ASSIGN_OR_RETURN(progress_, LoadProgress(progress_path_));
  EPIGRID_RETURN_IF_ERROR(TakeBack());
  EPIGRID_RETURN_IF_ERROR(AwaitFolded());
  fmt::print("{}", progress_.told);
  if (progress_.case_id.empty()) EPIGRID_RETURN_IF_ERROR(TellIndexCase());
  EPIGRID_RETURN_IF_ERROR(MeasureRounds());
  TellRounds();
  TellCalls();
  EPIGRID_RETURN_IF_ERROR(SaveText(kept, progress_.told + step_));
  std::filesystem::remove(progress_path_);
  return OkStatus();
}

Status Story::Begin(const std::string& person_id) {
  // By the time, so that no step has the name of one that was stopped.
  progress_.under_way = {.source_id = fmt::format("story-{}", SystemClock().Now().micros),
                         .person_id = person_id};
  return SaveProgress(progress_path_, progress_);
}

Status Story::End() {
  progress_.under_way.reset();
  progress_.told += std::exchange(step_, "");
  return SaveProgress(progress_path_, progress_);
}

Status Story::TakeBack() {
  if (!progress_.under_way.has_value()) return OkStatus();
  fmt::print("The story was stopped; what was under way is taken back, and then it goes on.\n");
  const StepUnderWay& step = *progress_.under_way;
  EPIGRID_RETURN_IF_ERROR(
      backend_.RecordTest(step.person_id, step.source_id, {}, {}, true).status());
  EPIGRID_RETURN_IF_ERROR(backend_.RecordTransfer(step.person_id, step.source_id, {}, true));
  return End();
}

Status Story::ReadPeople() {
  EPIGRID_ASSIGN_OR_RETURN(people_, ReadRows<PersonRow>(options_.directory / "people.csv"));
  EPIGRID_ASSIGN_OR_RETURN(const std::vector<TestRow> tests,
                           ReadRows<TestRow>(options_.directory / "index_test.csv"));
  if (tests.empty()) {
    return InvalidArgument("INDEX_TEST_MISSING", "index_test.csv has no row: nobody to test");
  }
  index_ = tests.front();
  const auto person = std::find_if(people_.begin(), people_.end(), [this](const PersonRow& row) {
    return row.person == index_.person;
  });
  if (person == people_.end()) {
    return InvalidArgument("INDEX_PERSON_MISSING",
                           "the person of index_test.csv is not in people.csv");
  }
  EPIGRID_ASSIGN_OR_RETURN(index_person_id_, backend_.FindPerson(*person));
  return OkStatus();
}

Status Story::AwaitFolded() {
  const Time begin = SystemClock().Now();
  fmt::print(
      "Waiting until everything that was brought in has been folded, and its messages sent ...\n");
  std::fflush(stdout);
  const Time give_up = begin + kFoldedWithin;
  for (;;) {
    Status quiet = backend_.AwaitQuiet(kProgressEvery, kFoldedWithin / 2);
    if (quiet.ok()) break;
    if (quiet.code() != Code::kDeadlineExceeded || SystemClock().Now() > give_up) return quiet;
    const Result<Backend::Behind> behind = backend_.GetBehind();
    if (!behind.ok()) continue;  // a busy server does not tell in time how far it is
    fmt::print("  after {:.0f} s {} shards are behind, by up to {:.0f} s ...\n",
               Seconds(SystemClock().Now() - begin), behind->shards, behind->event_age_seconds);
    std::fflush(stdout);
  }
  fmt::print("  done after {:.0f} s.\n\n", Seconds(SystemClock().Now() - begin));
  return OkStatus();
}

Result<Story::Outbreak> Story::Report(const std::string& person_id) {
  Outbreak outbreak;
  EPIGRID_RETURN_IF_ERROR(Begin(person_id));
  const Time begin = SystemClock().Now();
  EPIGRID_RETURN_IF_ERROR(backend_
                              .RecordTest(person_id, progress_.under_way->source_id,
                                          index_.sampled_time, index_.reported_time, false)
                              .status());
  EPIGRID_ASSIGN_OR_RETURN(outbreak.opened, backend_.AwaitCase(person_id, kQuietWithin));
  EPIGRID_RETURN_IF_ERROR(backend_.AwaitQuiet(kQuietWithin, kQuietWithin / 2));
  for (const Arrival& arrival : receiver_.Since(begin)) {
    outbreak.message_seconds.push_back(Seconds(arrival.at - begin));
  }
  EPIGRID_ASSIGN_OR_RETURN(outbreak.opened, backend_.GetCase(outbreak.opened.case_id()));
  EPIGRID_ASSIGN_OR_RETURN(outbreak.contacts, backend_.ListContacts(outbreak.opened.case_id()));
  return outbreak;
}

Status Story::TellIndexCase() {
  Say(fmt::format("A laboratory reports a positive test of one resident, sampled {}.",
                  FormatRfc3339(index_.sampled_time)));
  EPIGRID_ASSIGN_OR_RETURN(Outbreak outbreak, Report(index_person_id_));
  Say(fmt::format(
      "  A provisional case was opened. It may have infected others since {}; {} places "
      "and households of that time were searched.",
      FormatRfc3339(FromProto(outbreak.opened.window_from_time())),
      outbreak.opened.searched_setting_count()));
  EPIGRID_RETURN_IF_ERROR(TellContacts(outbreak));

  Say("The hospital takes the person in.");
  const Time taken_in = SystemClock().Now();
  EPIGRID_RETURN_IF_ERROR(
      backend_.RecordTransfer(index_person_id_, progress_.under_way->source_id, taken_in, false));
  EPIGRID_RETURN_IF_ERROR(backend_.AwaitQuiet(kQuietWithin, kQuietWithin / 2));
  EPIGRID_ASSIGN_OR_RETURN(outbreak.opened, backend_.GetCase(outbreak.opened.case_id()));
  Say(
      fmt::format("  The window is closed at {}: from here on nobody else is exposed, and the days "
                  "of those at home are counted from now. All of it was worked out {} after that.",
                  FormatRfc3339(FromProto(outbreak.opened.window_until_time())),
                  Millis(Seconds(SystemClock().Now() - taken_in))));
  EPIGRID_RETURN_IF_ERROR(TellExclusion(outbreak));
  progress_.case_id = outbreak.opened.case_id();
  if (!outbreak.contacts.empty()) progress_.contact_id = outbreak.contacts.front().person_id();
  return End();
}

Status Story::TellContacts(const Outbreak& outbreak) {
  size_t close = 0;
  std::map<std::string, size_t> by_setting;
  std::vector<std::string> ids;
  for (const tracing::Contact& contact : outbreak.contacts) {
    close += contact.exposure_class() == tracing::EXPOSURE_CLASS_CLOSE;
    for (const tracing::SettingExposure& setting : contact.settings()) {
      ++by_setting[setting.setting_id()];
    }
    ids.push_back(contact.person_id());
  }
  Say(
      fmt::format("  {} people were found: {} who live with the case, {} who were at a place "
                  "together with it, in {} settings.",
                  ids.size(), close, ids.size() - close, by_setting.size()));
  EPIGRID_ASSIGN_OR_RETURN(const auto codes, backend_.GetCodes(ids));
  std::map<std::string, size_t> colours;
  std::map<std::string, std::string> examples;
  for (const health_code::v1::Code& code : codes) {
    const std::string colour = ShortName(health_code::v1::Colour_Name(code.colour()), "COLOUR_");
    ++colours[colour];
    if (code.reasons().empty() || examples.contains(colour)) continue;
    const auto measure = ShortName(health_code::v1::Measure_Name(code.measure()), "MEASURE_");
    examples[colour] = fmt::format("{} ({}) because this person {}; {}", colour, measure,
                                   ReasonText(code.reasons(0)), ClearedBy(code.reasons(0)));
  }
  for (const auto& [colour, count] : colours) Say(fmt::format("    {:>6}  {}", count, colour));
  for (const auto& [colour, example] : examples) Say("    for example " + example);
  const std::vector<double>& seconds = outbreak.message_seconds;
  if (seconds.empty()) {
    Say("  No message was sent: none of them has a phone that we know of.");
    return OkStatus();
  }
  Say(fmt::format(
      "  {} messages reached a phone: the first {} after the test, half of them after {}, "
      "99 % after {}, the last after {}.",
      seconds.size(), Millis(seconds.front()), Millis(Percentile(seconds, 0.5)),
      Millis(Percentile(seconds, 0.99)), Millis(seconds.back())));
  return OkStatus();
}

Status Story::TellExclusion(const Outbreak& outbreak) {
  Say("The laboratory was wrong: the centre for disease control excludes the case.");
  const Time begin = SystemClock().Now();
  EPIGRID_RETURN_IF_ERROR(backend_.ExcludeCase(outbreak.opened.case_id()));
  EPIGRID_RETURN_IF_ERROR(backend_.AwaitQuiet(kQuietWithin, kQuietWithin / 2));
  const std::vector<Arrival> arrivals = receiver_.Since(begin);
  std::vector<std::string> ids;
  for (const tracing::Contact& contact : outbreak.contacts) ids.push_back(contact.person_id());
  EPIGRID_ASSIGN_OR_RETURN(const auto codes, backend_.GetCodes(ids));
  const auto green = std::count_if(codes.begin(), codes.end(), [](const auto& code) {
    return code.colour() == health_code::v1::COLOUR_GREEN;
  });
  EPIGRID_ASSIGN_OR_RETURN(const auto contacts, backend_.ListContacts(outbreak.opened.case_id()));
  Say(
      fmt::format("  {} of the {} are green again{}; {} contacts are left on the case; {} messages "
                  "told them so, the last {} after the exclusion.",
                  green, codes.size(),
                  static_cast<size_t>(green) == codes.size()
                      ? ""
                      : " (the others are cases or have met another case)",
                  contacts.size(), arrivals.size(),
                  Millis(arrivals.empty() ? 0 : Seconds(arrivals.back().at - begin))));
  return OkStatus();
}

Status Story::MeasureRounds() {
  const auto rounds = static_cast<size_t>(options_.rounds);
  // Spread over the city: every person of a fixed stride.
  const size_t stride = people_.size() / rounds;
  while (progress_.rounds.size() < rounds) {
    fmt::print(stderr, "Measuring: {} of {} done.\n", progress_.rounds.size(), rounds);
    EPIGRID_ASSIGN_OR_RETURN(const std::string person_id,
                             backend_.FindPerson(people_[stride * progress_.rounds.size()]));
    EPIGRID_ASSIGN_OR_RETURN(Outbreak outbreak, Report(person_id));
    EPIGRID_RETURN_IF_ERROR(
        backend_.RecordTest(person_id, progress_.under_way->source_id, {}, {}, true).status());
    EPIGRID_RETURN_IF_ERROR(backend_.AwaitQuiet(kQuietWithin, kQuietWithin / 2));
    progress_.rounds.push_back({.contacts = outbreak.contacts.size(),
                                .message_seconds = std::move(outbreak.message_seconds)});
    EPIGRID_RETURN_IF_ERROR(End());
  }
  return OkStatus();
}

void Story::TellRounds() {
  std::vector<double> last;
  std::vector<double> all;
  size_t contacts = 0;
  for (const MeasuredRound& round : progress_.rounds) {
    contacts += round.contacts;
    if (!round.message_seconds.empty()) last.push_back(round.message_seconds.back());
    all.insert(all.end(), round.message_seconds.begin(), round.message_seconds.end());
  }
  std::sort(last.begin(), last.end());
  std::sort(all.begin(), all.end());
  Say(fmt::format(
      "The same with {} other residents, one after the other ({} contacts, {} messages), "
      "each test withdrawn again:",
      progress_.rounds.size(), contacts, all.size()));
  Say(fmt::format(
      "  from a test to its last message: p50 {}, p99 {}; to any message: p50 {}, p99 {}.",
      Millis(Percentile(last, 0.5)), Millis(Percentile(last, 0.99)), Millis(Percentile(all, 0.5)),
      Millis(Percentile(all, 0.99))));
}

void Story::TellCalls() {
  const std::string header =
      options_.token_file.empty()
          ? ""
          : fmt::format(" -H \"authorization: Bearer $(cat {})\"", options_.token_file);
  const auto call = [&](std::string_view what, std::string_view method, const std::string& body) {
    Say(fmt::format("# {}\ngrpcurl -plaintext{} -d '{}' {} {}", what, header, body,
                    backend_.AddressOf(method), method));
  };
  const std::string& somebody =
      progress_.contact_id.empty() ? index_person_id_ : progress_.contact_id;
  Say("\nThree calls to paste (epigridctl call does the same):");
  call("the code of somebody who was found", "epigrid.health_code.v1.HealthCodeService/GetCode",
       fmt::format(R"({{"person_id":"{}"}})", somebody));
  call("what is known of the case", "epigrid.contact_tracing.v1.ContactTracingService/GetCase",
       fmt::format(R"({{"case_id":"{}"}})", progress_.case_id));
  call("a new case, whose contacts are found at once",
       "epigrid.contact_tracing.v1.ContactTracingService/ReportCase",
       fmt::format(R"({{"person_id":"{}","state":"CASE_STATE_REPORTED","sampled_time":"{}"}})",
                   somebody, FormatRfc3339(index_.sampled_time)));
}

void Story::Say(const std::string& line) {
  fmt::print("{}\n", line);
  std::fflush(stdout);
  step_ += line + "\n";
}

}  // namespace epigrid::demo
