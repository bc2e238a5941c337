/* A plain Joseph forward projector for a fan beam on an arc in C, written for the benches: one ray after the other,
 * float32 samples, views shared by two threads.
 *
 * plain-projector <threads> <input> <output> <slices> <rows> <columns> <pixel> <firstRow> <firstColumn> <views> <arc>
 *   <channels> <centre> <pitch> <sourceToIso>
 * Input: images, float32, [slice][row][column]. Then every line on standard input runs once and is answered with the
 * seconds it took; the line "save" writes the result, [slice][view][channel].
 */
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int threads, slices, rows, columns, views, channels;
static double pixel, firstRow, firstColumn, arc, centre, pitch, sourceToIso;
static float *data, *out;

static float projectRay(const float *image, double sourceX, double sourceY, double directionX, double directionY) {
  const int isAlongX = fabs(directionX) >= fabs(directionY);
  const int steps = isAlongX ? columns : rows, cross = isAlongX ? rows : columns;
  const int stepStride = isAlongX ? 1 : columns, crossStride = isAlongX ? columns : 1;
  const double slope = isAlongX ? directionY / directionX : directionX / directionY;
  const double start = isAlongX ? (sourceY + slope * (firstColumn - sourceX) - firstRow) / pixel
                                : (sourceX + slope * (firstRow - sourceY) - firstColumn) / pixel;
  float sum = 0;
  for (int i = 0; i < steps; i++) {
    const float position = (float)(start + i * slope);
    const int low = (int)floorf(position);
    if (low < -1 || low >= cross) continue;
    const float fraction = position - low;
    const float *p = image + (long)i * stepStride + (long)low * crossStride;
    if (low >= 0) sum += (1 - fraction) * p[0];
    if (low + 1 < cross) sum += fraction * p[crossStride];
  }
  return sum * (float)(pixel * sqrt(1 + slope * slope));
}

static void *work(void *argument) {
  for (int slice = 0; slice < slices; slice++) {
    const float *image = data + (size_t)slice * rows * columns;
    for (int v = (int)(size_t)argument; v < views; v += threads) {
      const double beta = arc * v / views;
      for (int c = 0; c < channels; c++) {
        const double angle = beta - (c - centre) * pitch;
        out[((size_t)slice * views + v) * channels + c] =
            projectRay(image, sourceToIso * cos(beta), sourceToIso * sin(beta), -cos(angle), -sin(angle));
      }
    }
  }
  return NULL;
}

int main(int count, char **arguments) {
  if (count != 16) return 2;
  char **a = arguments + 1;
  threads = atoi(a[0]);
  slices = atoi(a[3]);
  rows = atoi(a[4]);
  columns = atoi(a[5]);
  pixel = atof(a[6]);
  firstRow = atof(a[7]);
  firstColumn = atof(a[8]);
  views = atoi(a[9]);
  arc = atof(a[10]);
  channels = atoi(a[11]);
  centre = atof(a[12]);
  pitch = atof(a[13]);
  sourceToIso = atof(a[14]);
  const size_t pixels = (size_t)slices * rows * columns, values = (size_t)slices * views * channels;
  data = malloc(sizeof(float) * pixels);
  out = malloc(sizeof(float) * values);
  FILE *file = fopen(a[1], "rb");
  if (!data || !out || !file || fread(data, sizeof(float), pixels, file) != pixels) return 3;
  fclose(file);
  char line[64];
  while (fgets(line, sizeof line, stdin)) {
    if (strncmp(line, "save", 4) == 0) {
      file = fopen(a[2], "wb");
      if (!file || fwrite(out, sizeof(float), values, file) != values) return 4;
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
