/* A plain back-projector in C, written for the benches: the loops of the textbook, float32, rows (fan, parallel) or
 * slices (cone) shared by two threads. The compiler vectorises what it can.
 *
 * plain-backprojector <kind> <threads> <input> <output> <slices> <rows> <columns> <pixel> <firstRow> <firstColumn>
 *   <slicePitch> <firstSlice> <views> <arc> <samples> <centre> <pitch> <sourceToIso> <detectorRows> <rowCentre>
 *   <rowPitch> <scale>
 * kind: parallel, fan-arc or cone-flat. Views lie evenly over <arc> radians. Input: filtered samples, float32,
 * [slice][view][sample] or [view][row][sample]. Then every line on standard input runs once and is answered with the
 * seconds it took; the line "save" writes the result, [slice][row][column].
 */
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static char kind;
static int threads, slices, rows, columns, views, samples, detectorRows;
static float pixel, firstRow, firstColumn, slicePitch, firstSlice, centre, pitch, sourceToIso, rowCentre, rowPitch, scale;
static float *data, *image, *cosines, *sines;

/* One row of all slices: places and weights of a view are computed once and used for the whole stack. */
static void backprojectRow(int r, int *lows, float *fractions, float *weights) {
  const float y = firstRow + r * pixel;
  const float perPitch = 1.0f / pitch;
  for (int slice = 0; slice < slices; slice++)
    memset(image + ((size_t)slice * rows + r) * columns, 0, sizeof(float) * columns);
  for (int v = 0; v < views; v++) {
    const float cosine = cosines[v], sine = sines[v];
    for (int c = 0; c < columns; c++) {
      const float x = firstColumn + c * pixel;
      float position, weight;
      if (kind == 'p') {
        position = (x * cosine + y * sine) * perPitch + centre;
        weight = scale;
      } else {
        const float distance = sourceToIso - x * cosine - y * sine;
        const float across = y * cosine - x * sine;
        position = atan2f(across, distance) * perPitch + centre;
        weight = scale / (distance * distance + across * across);
      }
      const int low = (int)floorf(position);
      const int isInside = low >= 0 && low < samples - 1;
      lows[c] = isInside ? low : 0;
      fractions[c] = position - low;
      weights[c] = isInside ? weight : 0.0f;
    }
    for (int slice = 0; slice < slices; slice++) {
      const float *row = data + ((size_t)slice * views + v) * samples;
      float *out = image + ((size_t)slice * rows + r) * columns;
      for (int c = 0; c < columns; c++) {
        const float a = row[lows[c]], b = row[lows[c] + 1];
        out[c] += weights[c] * (a + fractions[c] * (b - a));
      }
    }
  }
}

static void backprojectSlice(int slice) {
  const float z = firstSlice + slice * slicePitch;
  float *out = image + (size_t)slice * rows * columns;
  memset(out, 0, sizeof(float) * rows * columns);
  for (int v = 0; v < views; v++) {
    const float *view = data + (size_t)v * detectorRows * samples;
    const float cosine = cosines[v], sine = sines[v];
    for (int r = 0; r < rows; r++) {
      const float y = firstRow + r * pixel;
      for (int c = 0; c < columns; c++) {
        const float x = firstColumn + c * pixel;
        const float magnification = sourceToIso / (sourceToIso - x * cosine - y * sine);
        const float position = (y * cosine - x * sine) * magnification / pitch + centre;
        const float height = z * magnification / rowPitch + rowCentre;
        const int low = (int)floorf(position), lowRow = (int)floorf(height);
        if (low >= 0 && low < samples - 1 && lowRow >= 0 && lowRow < detectorRows - 1) {
          const float f = position - low, g = height - lowRow;
          const float *p = view + (size_t)lowRow * samples + low;
          const float a = p[0] + f * (p[1] - p[0]);
          const float b = p[samples] + f * (p[samples + 1] - p[samples]);
          out[(size_t)r * columns + c] += magnification * magnification * (a + g * (b - a));
        }
      }
    }
  }
  for (size_t i = 0; i < (size_t)rows * columns; i++) out[i] *= scale;
}

static void *work(void *argument) {
  const int thread = (int)(size_t)argument;
  if (kind == 'c') {
    for (int slice = thread; slice < slices; slice += threads) backprojectSlice(slice);
  } else {
    int *lows = malloc(sizeof(int) * columns);
    float *fractions = malloc(sizeof(float) * columns), *weights = malloc(sizeof(float) * columns);
    for (int r = thread; r < rows; r += threads) backprojectRow(r, lows, fractions, weights);
    free(lows);
    free(fractions);
    free(weights);
  }
  return NULL;
}

int main(int count, char **arguments) {
  if (count != 23) return 2;
  char **a = arguments + 1;
  kind = a[0][0];
  threads = atoi(a[1]);
  slices = atoi(a[4]);
  rows = atoi(a[5]);
  columns = atoi(a[6]);
  pixel = atof(a[7]);
  firstRow = atof(a[8]);
  firstColumn = atof(a[9]);
  slicePitch = atof(a[10]);
  firstSlice = atof(a[11]);
  views = atoi(a[12]);
  const double arc = atof(a[13]);
  samples = atoi(a[14]);
  centre = atof(a[15]);
  pitch = atof(a[16]);
  sourceToIso = atof(a[17]);
  detectorRows = atoi(a[18]);
  rowCentre = atof(a[19]);
  rowPitch = atof(a[20]);
  scale = atof(a[21]);
  if (kind == 'f' && strcmp(a[0], "fan-arc") != 0) return 2;
  /* One zero around every row (and around the rows of a cone's view): interpolation falls off to zero outside. */
  const int isCone = kind == 'c';
  const size_t stacks = isCone ? (size_t)views : (size_t)slices * views;
  const int lines = isCone ? detectorRows : 1, border = isCone ? 1 : 0;
  const int stride = samples + 2;
  const size_t values = stacks * (lines + 2 * border) * stride;
  const size_t voxels = (size_t)slices * rows * columns;
  data = calloc(values, sizeof(float));
  image = malloc(sizeof(float) * voxels);
  cosines = malloc(sizeof(float) * views);
  sines = malloc(sizeof(float) * views);
  FILE *file = fopen(a[2], "rb");
  if (!data || !image || !cosines || !sines || !file) return 3;
  for (size_t stack = 0; stack < stacks; stack++)
    for (int line = 0; line < lines; line++) {
      float *row = data + (stack * (lines + 2 * border) + line + border) * stride + 1;
      if (fread(row, sizeof(float), samples, file) != (size_t)samples) return 3;
    }
  fclose(file);
  samples = stride;
  centre += 1;
  detectorRows += 2 * border;
  rowCentre += border;
  for (int v = 0; v < views; v++) {
    cosines[v] = (float)cos(arc * v / views);
    sines[v] = (float)sin(arc * v / views);
  }
  char line[64];
  while (fgets(line, sizeof line, stdin)) {
    if (strncmp(line, "save", 4) == 0) {
      file = fopen(a[3], "wb");
      if (!file || fwrite(image, sizeof(float), voxels, file) != voxels) return 4;
      fclose(file);
      printf("0\n");
    } else {
      struct timespec start, end;
      clock_gettime(CLOCK_MONOTONIC, &start);
      pthread_t handles[64];
      for (int t = 0; t < threads; t++) pthread_create(&handles[t], NULL, work, (void *)(size_t)t);
      for (int t = 0; t < threads; t++) pthread_join(handles[t], NULL);
      clock_gettime(CLOCK_MONOTONIC, &end);
      printf("%.6f\n", (end.tv_sec - start.tv_sec) + 1e-9 * (end.tv_nsec - start.tv_nsec));
    }
    fflush(stdout);
  }
  return 0;
}
