// Protobuf's classes for the format, and what is taken out of them. Included by the files that read the
// format; everything else sees plain data. Internal to data/format/onnx.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <onnx/onnx_pb.h>

#include <string>
#include <string_view>

#include "gradus/data/format/onnx/graph.h"

namespace gradus::onnx {

namespace pb = ::onnx;

// "model.onnx: what", DataLoss.
absl::Status bad_file(std::string_view file, std::string_view what);

// Parses the bytes as `message`. Errors: DataLoss, also for messages nested too deeply; ResourceExhausted for
// more than protobuf reads.
absl::Status parse_message(std::string_view content, std::string_view file,
                           google::protobuf::Message& message);

// The tensor and its type. `what` names it in messages; `folder` is where external data lies. Sizes are
// checked against the bytes that are there before memory is taken. Errors: DataLoss; Unimplemented for an
// element type or a rank that gradus lacks.
absl::StatusOr<Value> decode_tensor(const pb::TensorProto& proto, std::string_view file,
                                    std::string_view what, const std::string& folder);

// The elements, dims and element type; no name.
void encode_tensor(const Tensor& t, pb::TensorProto& proto);

// The message's bytes, the same for the same message. It has less than 2 GiB.
std::string to_bytes(const google::protobuf::Message& message);

}  // namespace gradus::onnx
