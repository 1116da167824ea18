// The lecture: each file of this folder is one lesson, an experiment that shows a claim about how deep
// learning is optimized. `gradus lecture NAME` runs it and leaves its numbers, its pictures and the outcome
// of its checks; docs/lecture/NAME.md explains it. A lesson is data, as an example of the model zoo is: the
// file one_variable.cc defines `const Lesson one_variable`, which is `gradus lecture one-variable`. What
// several files of a lesson share stands in a header beside it; all of them are in one namespace, so that
// each name there must be its own.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gradus/docs/examples/zoo/zoo.h"

namespace gradus::lecture {

// Rows of numbers under named columns: NAME.csv, and in the script of a picture the data block $NAME.
struct Table {
  std::string name;
  std::vector<std::string> columns;
  std::vector<std::vector<double>> rows = {};
};

struct Picture {
  std::string name;               // of the files, NAME.svg and NAME.png
  std::string caption;            // what there is to see
  int width = 900, height = 420;  // in pixels
  // Commands of gnuplot, which draw from the tables. Line types 1 to 8 have colours that colour-blind readers
  // can tell apart.
  std::string script;
  // Above 1, a picture that moves: the script draws what gnuplot's variable `frame` names, 0 to frames - 1.
  // NAME.html shows them all, with a slider; NAME.svg and NAME.png the last one.
  int frames = 1;
  int frame_ms = 150;  // how long each is shown while they play
};

// What a lesson works with. Random numbers come from the default generator, which is seeded before the run.
class Lab {
 public:
  explicit Lab(zoo::Values values, std::string data) : values_(std::move(values)), data_(std::move(data)) {}
  virtual ~Lab() = default;
  Lab(const Lab&) = delete;
  Lab& operator=(const Lab&) = delete;

  double number(std::string_view option) const { return values_.number(option); }
  std::int64_t count(std::string_view option) const { return values_.count(option); }
  // The folder of the data set; empty: where its Debian package puts it.
  const std::string& data() const { return data_; }

  virtual void table(Table table) = 0;
  virtual void picture(Picture picture) = 0;
  // The claim holds where the two numbers differ by at most `tolerance`.
  virtual void check(std::string_view claim, double measured, double predicted, double tolerance) = 0;
  // The claim is that `measured` lies within [least, most].
  virtual void check_within(std::string_view claim, double measured, double least, double most) = 0;
  // Shows how far the lesson is, and ends it where the user asked for that, by an exception.
  virtual void progress(std::int64_t step, std::int64_t total) = 0;

 private:
  zoo::Values values_;
  std::string data_;
};

// Calls run(i) for each i in [0, count), on as many threads at a time as there are cores. Each call draws its
// random numbers from a generator of its own, whose seed follows from the lesson's and from i alone, so that
// the numbers are the same on any machine. Calls are taken in order and count as the lesson's progress from
// `done` on to `total`. An exception ends the lesson once the calls that have begun are through.
void side_by_side(Lab& lab, std::int64_t count, const std::function<void(std::int64_t)>& run,
                  std::int64_t done, std::int64_t total);
inline void side_by_side(Lab& lab, std::int64_t count, const std::function<void(std::int64_t)>& run) {
  side_by_side(lab, count, run, 0, count);
}

struct Lesson {
  int number;  // its place in the lecture
  const char* title;
  const char* claim;  // one or two sentences
  const char* data;   // the Debian package that its data comes from; "" for none
  std::span<const zoo::Option> options;
  std::span<const std::pair<const char*, double>>
      quick;  // options of `--quick`, a few seconds, and of the tests
  void (*run)(Lab& lab);
  bool measures_time = false;  // its numbers are not the same each time
};

struct Entry {
  const char* name;
  const Lesson* lesson;
};
// In the order of the lecture.
std::span<const Entry> lessons();
// In the order of their names: the list that the build makes.
std::span<const Entry> all_lessons();

}  // namespace gradus::lecture
