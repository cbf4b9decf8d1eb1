#include "common/redis/reply_reader.h"

#include <utility>

namespace epigrid {
namespace {

// Where the value of this task belongs: the element of the array above, or the root.
Reply* Place(const redisReadTask* task) {
  if (task->parent == nullptr) return static_cast<Reply*>(task->privdata);
  return &static_cast<Reply*>(task->parent->obj)->elements[static_cast<size_t>(task->idx)];
}

Reply::Type TypeOfText(int type) {
  if (type == REDIS_REPLY_ERROR) return Reply::Type::kError;
  if (type == REDIS_REPLY_STATUS) return Reply::Type::kStatus;
  return Reply::Type::kString;
}

void* CreateString(const redisReadTask* task, char* text, size_t size) {
  Reply* reply = Place(task);
  reply->type = TypeOfText(task->type);
  reply->text.assign(text, size);
  return reply;
}

void* CreateArray(const redisReadTask* task, int size) {
  Reply* reply = Place(task);
  reply->type = Reply::Type::kArray;
  reply->elements.resize(static_cast<size_t>(size));
  return reply;
}

void* CreateInteger(const redisReadTask* task, long long value) {
  Reply* reply = Place(task);
  reply->type = Reply::Type::kInteger;
  reply->integer = value;
  return reply;
}

void* CreateNil(const redisReadTask* task) {
  Reply* reply = Place(task);
  reply->type = Reply::Type::kNil;
  return reply;
}

// The Reply belongs to the ReplyReader.
void FreeObject(void*) {}

redisReplyObjectFunctions kBuild = {CreateString, CreateArray, CreateInteger, CreateNil,
                                    FreeObject};

// hiredis frees an empty buffer that is larger than this and makes it anew; ours is fed by up to
// 64 KiB at a time.
constexpr size_t kIdleBufferMax = size_t{256} * 1024;

}  // namespace

ReplyReader::ReplyReader()
    : root_(std::make_unique<Reply>()), reader_(redisReaderCreateWithFunctions(&kBuild)) {
  EPIGRID_CHECK(reader_ != nullptr, "out of memory");
  reader_->maxbuf = kIdleBufferMax;
  reader_->privdata = root_.get();
}

void ReplyReader::Feed(std::string_view bytes) {
  // An error is kept by the reader and told by Next.
  redisReaderFeed(reader_.get(), bytes.data(), bytes.size());
}

Result<std::optional<Reply>> ReplyReader::Next() {
  void* reply = nullptr;
  if (redisReaderGetReply(reader_.get(), &reply) != REDIS_OK) {
    return Internal("REDIS_PROTOCOL",
                    std::string("not an answer of Redis: ") + redisReaderGetError(reader_.get()));
  }
  if (reply == nullptr) return std::optional<Reply>();
  return std::optional<Reply>(std::exchange(*root_, Reply()));
}

}  // namespace epigrid
