// citysim: writes a seeded city as import files. README.md says what is in them.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "tools/citysim/write_checkins.h"
#include "tools/citysim/write_files.h"

namespace epigrid::citysim {
namespace {

struct Flags {
  CityOptions city;
  EpidemicOptions epidemic;
  WriteOptions write;
  std::string end;
  std::filesystem::path checkins;
};

void AddFlags(CLI::App& app, Flags& flags) {
  app.add_option("directory", flags.write.directory, "Where the files go")->required();
  app.add_option("--seed", flags.city.seed, "Another seed is another city")->capture_default_str();
  app.add_option("--people", flags.city.people, "1 to 5,000,000")->capture_default_str();
  app.add_option("--days", flags.city.days, "How long before the end it begins, 1 to 365")
      ->capture_default_str();
  app.add_option("--end", flags.end, "Until when things happen, RFC 3339; default: now");
  app.add_option("--zone", flags.city.zone, "IANA time zone")->capture_default_str();
  app.add_option("--introductions", flags.epidemic.introductions,
                 "People who bring the infection in")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  app.add_option("--screened-per-mille", flags.epidemic.screened_per_mille,
                 "How many of 1,000 people are tested each day")
      ->check(CLI::Range(0, 1'000))
      ->capture_default_str();
  app.add_option("--contact-endpoint", flags.write.contact_endpoint,
                 "Endpoint that reaches the people, by its name in the configuration")
      ->capture_default_str();
  app.add_flag("--leave-out-index-test", flags.write.leave_out_index_test,
               "The index case's positive test goes into index_test.csv: it is reported live");
  app.add_option(
      "--checkins", flags.checkins,
      "Instead of a seeded city: real check-ins (user, time, latitude, longitude, place; "
      "parted by tabs; gzip or not), each moved by a multiple of 14 days into the 14 days "
      "before the end");
}

void PrintStory(const City& city, const Epidemic& epidemic) {
  const IndexCase& index = epidemic.index_case();
  const Person& who = city.people()[index.person];
  fmt::print(
      "{} people in {} households, {} settings, {} infections.\n"
      "Index case: {}, household {}, symptoms since {}, sampled {}, reported {}.\n",
      city.people().size(), city.households().size(), city.places().size(),
      epidemic.infections().size(), city.PersonIdOf(index.person),
      city.HouseholdIdOf(who.household), FormatRfc3339(index.onset), FormatRfc3339(index.sampled),
      FormatRfc3339(index.reported));
}

Status RunCheckIns(const Flags& flags) {
  EPIGRID_ASSIGN_OR_RETURN(const CheckInCity written,
                           WriteCheckIns(flags.checkins, flags.city.end, flags.write));
  fmt::print("{} check-ins of {} people at {} places, {} rows refused.\nIndex case: {}.\n",
             written.check_ins, written.people, written.places, written.refused,
             written.index_person);
  return OkStatus();
}

Status Run(Flags& flags) {
  flags.city.end = Time::FromSeconds(SystemClock().Now().seconds());
  if (!flags.end.empty()) {
    EPIGRID_ASSIGN_OR_RETURN(flags.city.end, ParseRfc3339(flags.end));
  }
  const bool terminal = isatty(STDERR_FILENO) == 1;
  flags.write.on_progress = [terminal](std::string_view file, uint64_t rows) {
    if (terminal) fmt::print(stderr, "\r{}: {} rows   ", file, rows);
  };
  if (!flags.checkins.empty()) return RunCheckIns(flags);
  EPIGRID_ASSIGN_OR_RETURN(const City city, City::Create(flags.city));
  const Epidemic epidemic = Epidemic::Run(city, flags.epidemic);
  EPIGRID_RETURN_IF_ERROR(WriteFiles(city, epidemic, flags.write));
  if (terminal) fmt::print(stderr, "\n");
  PrintStory(city, epidemic);
  return OkStatus();
}

}  // namespace
}  // namespace epigrid::citysim

int main(int argc, char** argv) {
  CLI::App app("Writes a seeded city as files that epigridctl import reads.");
  epigrid::citysim::Flags flags;
  AddFlags(app, flags);
  CLI11_PARSE(app, argc, argv);
  if (const epigrid::Status status = epigrid::citysim::Run(flags); !status.ok()) {
    fmt::print(stderr, "citysim: {}\n", status.ToString());
    return 1;
  }
  return 0;
}
