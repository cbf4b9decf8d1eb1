#include "tools/epigridctl/import/sending.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>

#include "common/rpc/status_details.h"

namespace epigrid::ctl {
namespace {

constexpr size_t kThreadsMax = 48;

}  // namespace

std::string IdOfKey(const SendContext& context, IdKind kind, const std::string& key) {
  // Only ids begin like one: the format sees to that.
  const bool is_id = CheckId(kSettingId, key, "key").ok() || CheckId(kHouseholdId, key, "key").ok();
  return is_id ? key : DeriveId(kind, {context.source, key});
}

Result<std::string> PersonOfKey(const SendContext& context, const std::string& key,
                                std::string_view column, std::string unknown_reason) {
  if (std::optional<std::string> id = context.keys->Find(key)) return *std::move(id);
  if (CheckId(kPersonId, key, column).ok()) return key;
  return InvalidArgument(std::move(unknown_reason),
                         fmt::format("column {} names nobody who was imported: import the people "
                                     "first, with the same --source and --state",
                                     column))
      .With("field", std::string(column));
}

std::string RequestId(const SendContext& context, std::string_view stage, TablePosition begin,
                      const google::protobuf::Message& content) {
  return DeriveId(kRequestId, {context.file_id, fmt::to_string(context.run), stage,
                               fmt::to_string(begin.byte), content.SerializeAsString()});
}

Status CallUntilAnswered(const SendContext& context, std::string_view service,
                         const std::string& method, const google::protobuf::Message& request,
                         google::protobuf::Message* response,
                         const std::function<Status()>& check) {
  return context.retrying->Run([&] {
    EPIGRID_RETURN_IF_ERROR(context.servers->Of(service).Call(method, request, response));
    return check ? check() : OkStatus();
  });
}

Status FirstPassing(const google::protobuf::RepeatedPtrField<google::rpc::Status>& statuses) {
  for (const google::rpc::Status& proto : statuses) {
    Status status = FromProtoStatus(proto);
    if (IsWorthRetrying(status)) return status;
  }
  return OkStatus();
}

Status ForEach(size_t count, const std::function<Status(size_t)>& work) {
  std::atomic<size_t> next = 0;
  std::mutex mutex;
  Status failure;
  const auto run = [&] {
    for (size_t i = next++; i < count; i = next++) {
      Status status = work(i);
      if (status.ok()) continue;
      const std::lock_guard lock(mutex);
      if (failure.ok()) failure = std::move(status);
      next = count;
    }
  };
  std::vector<std::thread> threads;
  for (size_t i = 0; i < std::min(count, kThreadsMax); ++i) threads.emplace_back(run);
  for (std::thread& thread : threads) thread.join();
  return failure;
}

Status AnswerMalformed() {
  return Internal("ANSWER_MALFORMED", "the server did not answer for every row of the batch");
}

Status After(std::string_view what_went_well, const Status& status) {
  return {status.code(), status.reason(), fmt::format("{}: {}", what_went_well, status.message())};
}

}  // namespace epigrid::ctl
