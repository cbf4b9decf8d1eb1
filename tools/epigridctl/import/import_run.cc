#include "tools/epigridctl/import/import_run.h"

#include <fmt/format.h>

#include "tools/epigridctl/import/pipeline.h"
#include "tools/epigridctl/import/progress.h"
#include "tools/epigridctl/import/senders.h"
#include "tools/epigridctl/text.h"

namespace epigrid::ctl {
namespace {

constexpr size_t kBatchRowsMax = 1000;
constexpr size_t kPresenceBatchRowsMax = 5000;
// A dry run shows as many bad rows.
constexpr uint64_t kRejectsShown = 20;

// The senders of all kinds; one is used.
struct Senders {
  explicit Senders(const SendContext& context)
      : people(SendPeople(context)),
        settings(SendSettings(context)),
        presence(SendPresence(context)),
        tests(SendTests(context)) {}

  Result<std::unique_ptr<BatchSource>> Open(ImportKind kind, const std::filesystem::path& path,
                                            TablePosition from) {
    switch (kind) {
      case ImportKind::kPeople: return OpenBatches<PersonRow>(path, from, *people);
      case ImportKind::kSettings: return OpenBatches<SettingRow>(path, from, *settings);
      case ImportKind::kPresence: return OpenBatches<PresenceRow>(path, from, *presence);
      case ImportKind::kTests: return OpenBatches<TestRow>(path, from, *tests);
    }
    EPIGRID_CHECK(false, "every kind has a sender");
  }

  std::unique_ptr<RowSender<PersonRow>> people;
  std::unique_ptr<RowSender<SettingRow>> settings;
  std::unique_ptr<RowSender<PresenceRow>> presence;
  std::unique_ptr<RowSender<TestRow>> tests;
};

class FileImport {
 public:
  FileImport(const Servers& servers, const ImportOptions& options, ImportState* state,
             const Console& console, ImportedFile& file)
      : servers_(servers), options_(options), state_(state), console_(console), file_(file) {}

  Status Run() {
    EPIGRID_ASSIGN_OR_RETURN(const std::string file_id, IdentifyFile(file_.path));
    if (state_ != nullptr) {
      EPIGRID_ASSIGN_OR_RETURN(file_.progress, state_->Load(file_id));
      if (file_.progress.done && !options_.again) {
        file_.was_done = true;
        return OkStatus();
      }
      // What stopped goes on, also what was begun again.
      if (file_.progress.done) file_.progress = {.run = file_.progress.run + 1};
    }
    file_.rows_now = file_.progress.rows;
    RejectFile rejects(file_.reject_path);
    if (state_ != nullptr) {
      EPIGRID_RETURN_IF_ERROR(rejects.Resume(file_.progress.reject_file_bytes));
    }
    std::unique_ptr<Progress> progress;
    const Retrying retrying(
        console_.waiter, options_.give_up_after,
        [&progress](const Status& status, Duration delay) { progress->Waiting(status, delay); });
    const SendContext context{.servers = state_ == nullptr ? nullptr : &servers_,
                              .retrying = &retrying,
                              .keys = state_ == nullptr ? nullptr : &state_->keys(),
                              .source = options_.source,
                              .file_id = file_id,
                              .run = file_.progress.run};
    Senders senders(context);
    EPIGRID_ASSIGN_OR_RETURN(const std::unique_ptr<BatchSource> source,
                             senders.Open(file_.kind, file_.path, file_.progress.position));
    progress = std::make_unique<Progress>(console_, file_.path.filename().string(), file_.progress,
                                          source->fraction_read());
    if (file_.progress.rows > 0) {
      console_.err << fmt::format("{}: going on at line {}\n", file_.path.string(),
                                  FormatCount(file_.progress.position.line));
    }
    FileProgress counted = file_.progress;
    const PipelineHooks hooks{
        .reject = [&](const Reject& reject) { return TakeReject(reject, rejects); },
        .save = [&](const FileProgress& now) { return Save(file_id, now, rejects); },
        .show = [&](const FileProgress& now, double read) { progress->Show(now, read); }};
    const Status end = RunPipeline(*source, Options(), hooks, console_.waiter, counted);
    progress->Finish();
    if (state_ == nullptr) file_.progress = counted;
    file_.rows_now = file_.progress.rows - file_.rows_now;
    return end;
  }

 private:
  PipelineOptions Options() const {
    const size_t rows_max =
        file_.kind == ImportKind::kPresence ? kPresenceBatchRowsMax : kBatchRowsMax;
    size_t rows = options_.batch_rows == 0 ? rows_max : std::min(options_.batch_rows, rows_max);
    // A rate is kept from second to second.
    if (options_.rows_per_second > 0) {
      rows = std::clamp<size_t>(static_cast<size_t>(options_.rows_per_second), 1, rows);
    }
    return {.batch_rows = rows,
            .in_flight = options_.in_flight,
            .rows_per_second = options_.rows_per_second};
  }

  Status TakeReject(const Reject& reject, RejectFile& rejects) {
    if (state_ != nullptr) return rejects.Write(reject);
    if (shown_++ < kRejectsShown) {
      console_.err << fmt::format("{}:{}: {}\n", file_.path.string(), reject.line,
                                  Printable(reject.problem.ToString()));
    }
    return OkStatus();
  }

  // Keys and rejects first: a place in the file is worth nothing without what stands before it.
  Status Save(const std::string& file_id, const FileProgress& now, RejectFile& rejects) {
    if (state_ == nullptr) return OkStatus();
    EPIGRID_RETURN_IF_ERROR(state_->keys().Sync());
    EPIGRID_RETURN_IF_ERROR(rejects.Sync());
    FileProgress saved = now;
    saved.reject_file_bytes = rejects.bytes();
    EPIGRID_RETURN_IF_ERROR(state_->Save(file_id, saved));
    file_.progress = saved;
    return OkStatus();
  }

  const Servers& servers_;
  const ImportOptions& options_;
  ImportState* state_;
  const Console& console_;
  ImportedFile& file_;
  uint64_t shown_ = 0;
};

}  // namespace

std::filesystem::path RejectPath(const ImportOptions& options, const std::filesystem::path& path) {
  const std::string name = path.filename().string() + ".rejected.csv";
  return (options.rejects.empty() ? path.parent_path() : options.rejects) / name;
}

ImportedFile ImportFile(const Servers& servers, const ImportOptions& options,
                        const std::filesystem::path& path, ImportKind kind, ImportState* state,
                        const Console& console) {
  ImportedFile file{.path = path, .kind = kind, .reject_path = RejectPath(options, path)};
  const Duration begin = console.waiter.Elapsed();
  file.end = FileImport(servers, options, state, console, file).Run();
  file.elapsed = console.waiter.Elapsed() - begin;
  return file;
}

}  // namespace epigrid::ctl
