// PyTorch's files: those that torch.save wrote (tests/data/make_files.py), damaged ones, and pickles that are
// meant to do harm.
#include "gradus/data/format/pytorch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "gradus/data/format/pickle.h"
#include "gradus/data/format/zip.h"
#include "gradus/ops/elementwise.h"
#include "gradus/tests/data/damage.h"

namespace gradus::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string path(const std::string& name) { return GRADUS_SOURCE_DIR "/tests/data/files/" + name; }

PytorchFile load(const std::string& name) {
  absl::StatusOr<PytorchFile> f = load_pytorch(path(name));
  EXPECT_TRUE(f.ok()) << f.status();
  return f.ok() ? *std::move(f) : PytorchFile();
}

Tensor find(const PytorchFile& f, const std::string& name) {
  const auto it =
      std::find_if(f.tensors.begin(), f.tensors.end(), [&](const NamedTensor& t) { return t.name == name; });
  EXPECT_NE(it, f.tensors.end()) << name;
  return it == f.tensors.end() ? Tensor() : it->tensor;
}

std::string error(const std::string& name) { return load_pytorch(path(name)).status().ToString(); }

// An archive whose pickle is `pickle`, with one storage of 8 bytes.
absl::StatusOr<PytorchFile> parse(const std::string& pickle) {
  return parse_pytorch(*write_zip({{"a/data.pkl", pickle}, {"a/data/0", std::string(8, '\0')}}, "a.pt"),
                       "a.pt");
}
std::string error_of(const std::string& pickle) {
  const auto f = parse(pickle);
  EXPECT_FALSE(f.ok());
  return f.status().ToString();
}
std::string text(const std::string& s) { return "\x8C" + std::string(1, static_cast<char>(s.size())) + s; }
// One tensor: offset, sizes and strides are pickled by the caller; the storage has `elements` floats.
std::string tensor(const std::string& offset, const std::string& sizes, const std::string& strides,
                   const std::string& elements = "K\x02") {
  return "\x80\x02"
         "ctorch._utils\n_rebuild_tensor_v2\n((" +
         text("storage") + "ctorch\nFloatStorage\n" + text("0") + text("cpu") + elements + "tQ" + offset +
         sizes + strides + "\x89}tR.";
}

TEST(PytorchTest, ReadsAStateDict) {
  const PytorchFile f = load("state_dict.pt");
  std::vector<std::string> names;
  for (const NamedTensor& t : f.tensors) names.push_back(t.name);
  EXPECT_THAT(names, ElementsAre("fc.weight", "fc.bias", "norm.weight", "norm.bias", "norm.running_mean",
                                 "norm.running_var", "norm.num_batches_tracked"));
  EXPECT_EQ(find(f, "fc.weight").shape(), Shape({2, 3}));
  EXPECT_THAT(find(f, "fc.weight").to_vector<float>(), ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_THAT(find(f, "norm.bias").to_vector<float>(), ElementsAre(30, 31));
  EXPECT_THAT(find(f, "norm.running_var").to_vector<float>(), ElementsAre(1, 1));
  EXPECT_EQ(find(f, "norm.num_batches_tracked").dtype(), DType::i64);
}

TEST(PytorchTest, ReadsACheckpointWithItsOptimizer) {
  const PytorchFile f = load("checkpoint.pt");
  EXPECT_THAT(find(f, "model.fc.bias").to_vector<float>(), ElementsAre(10, 11));
  // After one step with gradients of 1 the first moment is 1 - beta1.
  EXPECT_EQ(find(f, "optimizer.state.0.exp_avg").shape(), Shape({2, 3}));
  EXPECT_NEAR(find(f, "optimizer.state.0.exp_avg").to_vector<float>()[5], 0.1, 1e-7);
  EXPECT_EQ(find(f, "optimizer.param_groups.0.lr").item(), 0.5);
  EXPECT_EQ(find(f, "optimizer.param_groups.0.params.3").item<std::int64_t>(), 3);
  EXPECT_EQ(find(f, "optimizer.param_groups.0.amsgrad").dtype(), DType::boolean);
  EXPECT_EQ(find(f, "epoch").item<std::int64_t>(), 3);
  EXPECT_EQ(find(f, "loss").item(), 0.25);
  EXPECT_EQ(find(f, "done").to_vector<std::uint8_t>()[0], 1);
  EXPECT_EQ(find(f, "big").item<std::int64_t>(), std::int64_t{1} << 62);
  EXPECT_EQ(find(f, "negative").item<std::int64_t>(), -(std::int64_t{1} << 40));
  EXPECT_EQ(find(f, "sizes.1").item<std::int64_t>(), 5);
  EXPECT_THAT(find(f, "list.1.0").to_vector<float>(), ElementsAre(7));
  EXPECT_THAT(f.texts, ::testing::Contains(std::pair<std::string, std::string>("note", "h\xC3\xA9")));
  EXPECT_THAT(f.texts, ::testing::Contains(std::pair<std::string, std::string>("nothing", "None")));
  EXPECT_THAT(f.texts, ::testing::Contains(std::pair<std::string, std::string>("list.1.1", "end")));
}

TEST(PytorchTest, CopiesViewsOfOneStorageApart) {
  const PytorchFile f = load("views.pt");
  EXPECT_EQ(find(f, "transposed").shape(), Shape({6, 4}));
  EXPECT_EQ(find(f, "transposed").to_vector<float>()[1], 6);
  EXPECT_THAT(find(f, "part").to_vector<float>(), ElementsAre(6, 8, 10, 12, 14, 16));
  EXPECT_EQ(find(f, "permuted").shape(), Shape({4, 2, 3}));
  EXPECT_THAT(find(f, "permuted").to_vector<float>(), ElementsAre(0, 4, 8, 12, 16, 20, 1, 5, 9, 13, 17, 21, 2,
                                                                  6, 10, 14, 18, 22, 3, 7, 11, 15, 19, 23));
  EXPECT_EQ(find(f, "scalar").rank(), 0);
  EXPECT_EQ(find(f, "scalar").item(), 1.5);
  EXPECT_EQ(find(f, "empty").shape(), Shape({0, 3}));
  EXPECT_THAT(find(f, "bools").to_vector<std::uint8_t>(), ElementsAre(1, 0, 1));
  EXPECT_THAT(find(f, "parameter").to_vector<float>(), ElementsAre(0, 1));
}

TEST(PytorchTest, ReadsEveryDtype) {
  const PytorchFile f = load("views.pt");
  const std::pair<const char*, DType> expected[] = {
      {"float64", DType::f64}, {"float16", DType::f16}, {"bfloat16", DType::bf16}, {"int64", DType::i64},
      {"int32", DType::i32},   {"int16", DType::i16},   {"int8", DType::i8},       {"uint8", DType::u8},
      {"uint16", DType::u16},  {"uint32", DType::u32},  {"uint64", DType::u64}};
  for (const auto& [name, dtype] : expected) {
    EXPECT_EQ(find(f, name).dtype(), dtype) << name;
    EXPECT_THAT(astype(find(f, name), DType::f64).to_vector<double>(), ElementsAre(1, 2, 3)) << name;
  }
}

TEST(PytorchTest, ATensorByItselfHasTheEmptyName) {
  EXPECT_THAT(find(load("tensor.pt"), "").to_vector<float>(), ElementsAre(0, 1, 2, 3));
}

TEST(PytorchTest, RefusesWhatIsMoreThanTensors) {
  EXPECT_THAT(error("module.pt"), HasSubstr("torch.nn.modules.linear.Linear is not among"));
  EXPECT_THAT(error("module.pt"), HasSubstr("state_dict()"));
  EXPECT_THAT(error("legacy.pt"), HasSubstr("before 1.6"));
  EXPECT_THAT(error("script.pt"), HasSubstr("TorchScript"));
  EXPECT_THAT(error("complex.pt"), HasSubstr("ComplexFloatStorage is not among"));
  EXPECT_THAT(error("expanded.pt"), HasSubstr("sizes [1000] with strides [0] from element 0 on do not fit"));
  EXPECT_THAT(error("plain.npy"), HasSubstr("no whole zip archive"));
  EXPECT_THAT(error("stored.npz"), HasSubstr("without data.pkl"));
  EXPECT_EQ(load_pytorch("/nowhere/a.pt").status().code(), absl::StatusCode::kNotFound);
}

TEST(PytorchTest, ATensorMustFitItsStorage) {
  const std::string zero("K\0", 2), one = "K\x01", two = "K\x02";
  const auto f = parse(tensor(zero, two + "\x85", one + "\x85"));
  ASSERT_TRUE(f.ok()) << f.status();
  EXPECT_THAT(f->tensors[0].tensor.to_vector<float>(), ElementsAre(0, 0));
  EXPECT_TRUE(parse(tensor(one, one + "\x85", two + "\x85")).ok());
  const auto fits = HasSubstr("do not fit its storage of 2");
  EXPECT_THAT(error_of(tensor(one, two + "\x85", one + "\x85")), fits);
  EXPECT_THAT(error_of(tensor(zero, two + "\x85", two + "\x85")), fits);
  EXPECT_THAT(error_of(tensor(zero, two + two + "\x86", zero + one + "\x86")), fits);
  const std::string huge = std::string("\x8A\x08\0\0\0\0\0\0\0\x7F", 10);
  EXPECT_THAT(error_of(tensor(zero, huge + "\x85", one + "\x85")), fits);
  EXPECT_THAT(error_of(tensor(zero, two + "\x85", huge + "\x85")), fits);
  EXPECT_THAT(error_of(tensor(huge, two + "\x85", one + "\x85")), fits);
  const std::string minus = "J\xFF\xFF\xFF\xFF";
  EXPECT_THAT(error_of(tensor(minus, two + "\x85", one + "\x85")), HasSubstr("no tensor of at most 8 axes"));
  EXPECT_THAT(error_of(tensor(zero, minus + "\x85", one + "\x85")), HasSubstr("no tensor of at most 8 axes"));
  // The pickle says 100 elements, the storage has 8 bytes.
  EXPECT_THAT(error_of(tensor(zero, "Kd\x85", one + "\x85", "Kd")),
              HasSubstr("its storage of 100 f32 has 8 bytes"));
}

TEST(PytorchTest, NothingIsCalled) {
  const std::string harm =
      "\x80\x02"
      "cos\nsystem\n" +
      text("true") + "\x85R.";
  EXPECT_THAT(error_of(harm), HasSubstr("at byte 2: os.system is not among the classes and functions"));
  EXPECT_THAT(error_of("\x80\x04" + text("builtins") + text("eval") + "\x93."),
              HasSubstr("builtins.eval is not among"));
  EXPECT_THAT(error_of("\x80\x02"
                       "i"),
              HasSubstr("opcode 0x69"));
  EXPECT_THAT(error_of("\x80\x02"
                       "\x81."),
              HasSubstr("opcode 0x81"));
}

TEST(PytorchTest, APickleMayBeWrongInManyWays) {
  EXPECT_THAT(error_of("\x80\x02"), HasSubstr("cut off"));
  EXPECT_THAT(error_of("\x80\x02"
                       "."),
              HasSubstr("the stack is empty"));
  EXPECT_THAT(error_of("\x80\x02"
                       "(."),
              HasSubstr("the stack is empty"));
  EXPECT_THAT(error_of("\x80\x02"
                       "u."),
              HasSubstr("no mark"));
  EXPECT_THAT(error_of("\x80\x02"
                       "](K\x01u."),
              HasSubstr("no dict"));
  EXPECT_THAT(error_of("\x80\x02"
                       "}(K\x01u."),
              HasSubstr("without value"));
  EXPECT_THAT(error_of("\x80\x02"
                       "h\x05."),
              HasSubstr("nothing was kept under 5"));
  EXPECT_THAT(error_of("\x80\x02"
                       "X\xFF\xFF\xFF\x7F"),
              HasSubstr("2147483647 bytes of an operand are wanted"));
  EXPECT_THAT(error_of("\x80\x02"
                       "\x8A\x09"
                       "123456789."),
              HasSubstr("a whole number of 9 bytes"));
  EXPECT_THAT(error_of("\x80\x09."), HasSubstr("protocol 9"));
  EXPECT_THAT(error_of("\x80\x02}(NK\x01u."), HasSubstr("neither a text nor a whole number"));
  EXPECT_THAT(error_of("\x80\x02}(" + text("a") + "K\x01" + text("a") + "K\x02u."),
              HasSubstr("two tensors lie under \"a\""));
}

TEST(PytorchTest, AListInItselfAndSharedListsEnd) {
  EXPECT_THAT(error_of("\x80\x02]q\x01h\x01"
                       "a."),
              HasSubstr("share each other"));
  // 40 lists, each twice the one before: 2^40 paths.
  std::string doubling = "\x80\x02]q";
  doubling += '\0';
  for (char i = 1; i < 40; ++i) {
    doubling += "](h";
    doubling += static_cast<char>(i - 1);
    doubling += "h";
    doubling += static_cast<char>(i - 1);
    doubling += "eq";
    doubling += i;
  }
  EXPECT_THAT(error_of(doubling + "."), HasSubstr("share each other"));
  EXPECT_THAT(error_of("\x80\x02" + std::string(100, ']') + std::string(99, 'a') + "."),
              HasSubstr("nested deeper"));
}

TEST(PytorchTest, DamagedFilesAreNoHarm) {
  parse_damaged(*read_file(path("tensor.pt")), 3,
                [](const std::string& copy) { (void)parse_pytorch(copy, "damaged.pt"); });
  // The archive's checksums hide the pickle from the damage above; without them:
  const auto pickle_of = [](const std::string& name) {
    const std::string whole = *read_file(path(name + ".pt"));
    const auto zip = ZipReader::open(whole, name);
    return *zip->read(zip->find(name + "/data.pkl"));
  };
  parse_damaged(pickle_of("state_dict"), 1, [](const std::string& copy) { (void)parse(copy); });
  parse_damaged(pickle_of("checkpoint"), 1, [](const std::string& copy) {
    (void)parse_pickle(copy, "damaged.pt", [](std::string_view) { return true; });
  });
}

}  // namespace
}  // namespace gradus::data
