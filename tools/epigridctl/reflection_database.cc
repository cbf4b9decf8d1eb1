#include "tools/epigridctl/reflection_database.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>

#include "common/rpc/status_details.h"
#include "grpc/reflection/v1alpha/reflection.grpc.pb.h"

namespace epigrid::ctl {

namespace reflection = grpc::reflection::v1alpha;
using google::protobuf::FileDescriptorProto;

// One stream serves all questions.
class ReflectionDatabase::Stream {
 public:
  explicit Stream(Connection& connection)
      : connection_(connection),
        stub_(reflection::ServerReflection::NewStub(connection.channel())) {}
  ~Stream() {
    if (stream_ == nullptr) return;
    context_.TryCancel();
    // Every stream has to be finished; that it was cancelled is no news.
    const grpc::Status cancelled = stream_->Finish();
  }

  Status Ask(const reflection::ServerReflectionRequest& question,
             reflection::ServerReflectionResponse* answer) {
    if (stream_ == nullptr) {
      connection_.Prepare(context_, Duration(0));
      stream_ = stub_->ServerReflectionInfo(&context_);
    }
    if (stream_->Write(question) && stream_->Read(answer)) return OkStatus();
    stream_->WritesDone();
    Status status = FromGrpcStatus(stream_->Finish());
    stream_ = nullptr;
    if (status.ok()) status = Unavailable("REFLECTION_ENDED", "the server ended its reflection");
    return std::move(status).With("server", connection_.address());
  }

 private:
  Connection& connection_;
  const std::unique_ptr<reflection::ServerReflection::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<reflection::ServerReflectionRequest,
                                           reflection::ServerReflectionResponse>>
      stream_;
};

ReflectionDatabase::ReflectionDatabase(Connection& connection)
    : stream_(std::make_unique<Stream>(connection)) {}

ReflectionDatabase::~ReflectionDatabase() = default;

Result<std::vector<std::string>> ReflectionDatabase::ListServices() {
  EPIGRID_RETURN_IF_ERROR(status_);
  reflection::ServerReflectionRequest question;
  question.set_list_services("*");
  reflection::ServerReflectionResponse answer;
  status_ = stream_->Ask(question, &answer);
  EPIGRID_RETURN_IF_ERROR(status_);
  std::vector<std::string> names;
  for (const auto& service : answer.list_services_response().service()) {
    names.push_back(service.name());
  }
  std::ranges::sort(names);
  return names;
}

bool ReflectionDatabase::Fetch(bool by_symbol, const std::string& name) {
  if (!status_.ok()) return false;
  reflection::ServerReflectionRequest question;
  if (by_symbol) {
    question.set_file_containing_symbol(name);
  } else {
    question.set_file_by_filename(name);
  }
  reflection::ServerReflectionResponse answer;
  status_ = stream_->Ask(question, &answer);
  if (!status_.ok()) return false;
  for (const std::string& bytes : answer.file_descriptor_response().file_descriptor_proto()) {
    FileDescriptorProto file;
    FileDescriptorProto known;
    if (!file.ParseFromString(bytes) || cached_.FindFileByName(file.name(), &known)) continue;
    cached_.Add(file);
  }
  return true;
}

bool ReflectionDatabase::FindFileByName(const std::string& filename, FileDescriptorProto* output) {
  if (cached_.FindFileByName(filename, output)) return true;
  return Fetch(false, filename) && cached_.FindFileByName(filename, output);
}

bool ReflectionDatabase::FindFileContainingSymbol(const std::string& symbol_name,
                                                  FileDescriptorProto* output) {
  if (cached_.FindFileContainingSymbol(symbol_name, output)) return true;
  return Fetch(true, symbol_name) && cached_.FindFileContainingSymbol(symbol_name, output);
}

// The API is proto3: it has no extensions.
bool ReflectionDatabase::FindFileContainingExtension(const std::string&, int,
                                                     FileDescriptorProto*) {
  return false;
}

}  // namespace epigrid::ctl
