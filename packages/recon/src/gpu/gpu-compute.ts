/**
 * Runs compute kernels on a WebGPU device: buffers, dispatches, reading back, errors as ReconError. Knows no
 * tomography. Nothing here is fast or slow by itself: one submission per dispatch keeps each short, for the watchdogs
 * of drivers and browsers.
 */
import { ReconError } from "../errors.ts";
import type { GpuBuffer, GpuDevice, GpuPipeline } from "./gpu-device.ts";

// GPUBufferUsage and GPUMapMode of the specification.
const MAP_READ = 0x1;
const COPY_SRC = 0x4;
const COPY_DST = 0x8;
const UNIFORM = 0x40;
const STORAGE = 0x80;

/** A kernel and the constants baked into it. */
export interface KernelSource {
  readonly code: string;
  readonly entryPoint: string;
  readonly constants: Record<string, number>;
}

/** See the file's comment. Owns its buffers. */
export interface GpuCompute {
  /** Bytes that one buffer may have. */
  readonly bufferLimitBytes: number;
  /** A storage buffer of zeros. */
  createStorage(length: number): GpuBuffer;
  /** Writes `data` to the start of a buffer. */
  write(buffer: GpuBuffer, data: Float32Array): void;
  /** Fills with zeros. */
  clear(buffer: GpuBuffer): void;
  /** Compiles a kernel, once. */
  prepareKernel(source: KernelSource): Promise<GpuPipeline>;
  /**
   * Queues one kernel.
   *
   * @param part - four integers that the kernel has as uniform at binding 0
   * @param buffers - bindings 1, 2, …
   */
  dispatch(
    kernel: GpuPipeline,
    part: readonly [number, number, number, number],
    buffers: readonly GpuBuffer[],
    workgroups: readonly [number, number, number],
  ): void;
  /** Waits until all that is queued has been done, so that what was written does not pile up. */
  settle(): Promise<unknown>;
  /** The first `length` numbers of a buffer, when all that is queued has been done. */
  read(buffer: GpuBuffer, length: number): Promise<Float32Array>;
  free(buffer: GpuBuffer): void;
  /**
   * Runs work alone: one after another, with the device's errors caught.
   *
   * @throws ReconError `NO_GPU` when the device is lost, `GPU_FAILED` with its message for other errors
   */
  run<T>(work: () => Promise<T>): Promise<T>;
  /** Frees all buffers; the device stays. */
  dispose(): void;
}

/** Options of everything that runs on a GPU. */
export interface GpuOptions {
  /** Bytes that one buffer may have; default and upper limit: what the device allows. */
  readonly bufferLimitBytes?: number;
}

/** What is to end before the next work on a device begins: error scopes are a stack that all its users share. */
const lastWork = new WeakMap<GpuDevice, Promise<unknown>>();

/** Rejections of the device as errors of this package. */
async function expectGpu<T>(what: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new ReconError("GPU_FAILED", `${what} on the GPU: ${message}; use a CPU engine`);
  }
}

/** Prepares {@link GpuCompute}. */
export function createGpuCompute(device: GpuDevice, options: GpuOptions = {}): GpuCompute {
  const { maxStorageBufferBindingSize, maxBufferSize } = device.limits;
  const buffers = new Set<GpuBuffer>();
  const kernels = new Map<string, GpuPipeline>();
  let staging: GpuBuffer | undefined;
  let lost: { readonly reason: string; readonly message: string } | undefined;
  let isDisposed = false;
  device.lost.then((info) => {
    lost = info;
  });
  const track = (size: number, usage: number): GpuBuffer => {
    const buffer = device.createBuffer({ size, usage });
    buffers.add(buffer);
    return buffer;
  };
  const free = (buffer: GpuBuffer): void => {
    buffers.delete(buffer);
    buffer.destroy();
  };
  const part = new Uint32Array(4);
  let uniform: GpuBuffer | undefined;

  const refuseIfGone = (): void => {
    if (isDisposed) throw new ReconError("NO_GPU", "this was disposed of; make a new one");
    if (lost !== undefined) {
      throw new ReconError(
        "NO_GPU",
        `the GPU device is lost (${lost.reason}): ${lost.message || "no message"}; request a new one or use a CPU engine`,
      );
    }
  };

  const runGuarded = async <T>(work: () => Promise<T>): Promise<T> => {
    // A microtask for a device that was lost before this was made.
    await Promise.resolve();
    refuseIfGone();
    for (const filter of ["internal", "out-of-memory", "validation"] as const) device.pushErrorScope(filter);
    let result: T | undefined;
    let thrown: unknown;
    try {
      result = await work();
    } catch (error) {
      thrown = error ?? new ReconError("GPU_FAILED", "work on the GPU failed without a message");
    }
    const messages: string[] = [];
    for (let scope = 0; scope < 3; scope++) {
      // A lost device has no scopes any more.
      const error = await device.popErrorScope().catch(() => null);
      if (error !== null) messages.push(error.message);
    }
    await Promise.resolve();
    // A lost device fails in many ways; that it is lost is what counts.
    refuseIfGone();
    if (thrown instanceof ReconError) throw thrown;
    if (messages.length > 0) {
      throw new ReconError(
        "GPU_FAILED",
        `the GPU refused: ${messages.join("; ")}; use a smaller bufferLimitBytes or a CPU engine`,
      );
    }
    if (thrown !== undefined) throw thrown;
    return result as T;
  };

  return {
    bufferLimitBytes: Math.min(
      options.bufferLimitBytes ?? Infinity,
      maxStorageBufferBindingSize,
      maxBufferSize,
    ),
    createStorage: (length) => track(length * 4, STORAGE | COPY_SRC | COPY_DST),
    write(buffer, data) {
      device.queue.writeBuffer(buffer, 0, data as Float32Array<ArrayBuffer>);
    },
    clear(buffer) {
      const encoder = device.createCommandEncoder();
      encoder.clearBuffer(buffer);
      device.queue.submit([encoder.finish()]);
    },
    async prepareKernel({ code, entryPoint, constants }) {
      const key = JSON.stringify([entryPoint, constants, code]);
      const known = kernels.get(key);
      if (known !== undefined) return known;
      const module = device.createShaderModule({ code });
      const stage = { module, entryPoint, constants };
      const kernel = await expectGpu(
        `kernel "${entryPoint}" did not compile`,
        device.createComputePipelineAsync({ layout: "auto", compute: stage }),
      );
      kernels.set(key, kernel);
      return kernel;
    },
    dispatch(kernel, values, bound, workgroups) {
      uniform ??= track(16, UNIFORM | COPY_DST);
      part.set(values);
      device.queue.writeBuffer(uniform, 0, part);
      const bindGroup = device.createBindGroup({
        layout: kernel.getBindGroupLayout(0),
        entries: [uniform, ...bound].map((buffer, binding) => ({ binding, resource: { buffer } })),
      });
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      pass.setPipeline(kernel);
      pass.setBindGroup(0, bindGroup);
      pass.dispatchWorkgroups(workgroups[0], workgroups[1], workgroups[2]);
      pass.end();
      device.queue.submit([encoder.finish()]);
    },
    settle: () => device.queue.onSubmittedWorkDone(),
    async read(buffer, length) {
      if (staging === undefined || staging.size < length * 4) {
        if (staging !== undefined) free(staging);
        staging = track(length * 4, MAP_READ | COPY_DST);
      }
      const encoder = device.createCommandEncoder();
      encoder.copyBufferToBuffer(buffer, 0, staging, 0, length * 4);
      device.queue.submit([encoder.finish()]);
      await expectGpu(`${length * 4} bytes did not come back`, staging.mapAsync(MAP_READ));
      const result = new Float32Array(staging.getMappedRange().slice(0, length * 4));
      staging.unmap();
      return result;
    },
    free,
    run(work) {
      const next = (lastWork.get(device) ?? Promise.resolve()).then(() => runGuarded(work));
      lastWork.set(
        device,
        next.catch(() => undefined),
      );
      return next;
    },
    dispose() {
      isDisposed = true;
      for (const buffer of buffers) buffer.destroy();
      buffers.clear();
    },
  };
}
