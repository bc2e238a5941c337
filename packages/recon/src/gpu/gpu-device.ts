/**
 * What is used of WebGPU (W3C Candidate Recommendation), as interfaces that a browser's `GPUDevice` and that of the npm
 * package `webgpu` satisfy, and the way to a device on platforms with `navigator.gpu`. Declared here so that neither
 * DOM nor Node types are needed; not a binding of its own. Node's way stands in ../node.ts.
 */

/** GPUBuffer. */
export interface GpuBuffer {
  readonly size: number;
  mapAsync(mode: number): Promise<unknown>;
  getMappedRange(): ArrayBuffer;
  unmap(): void;
  destroy(): void;
}

/** GPUComputePipeline. */
export interface GpuPipeline {
  getBindGroupLayout(index: number): object;
}

/** GPUComputePassEncoder. */
export interface GpuComputePass {
  setPipeline(pipeline: object): void;
  setBindGroup(index: number, bindGroup: object | null | undefined): void;
  dispatchWorkgroups(x: number, y: number, z: number): void;
  end(): void;
}

/** GPUCommandEncoder. */
export interface GpuCommandEncoder {
  beginComputePass(): GpuComputePass;
  copyBufferToBuffer(
    source: object,
    sourceOffset: number,
    destination: object,
    destinationOffset: number,
    size: number,
  ): void;
  clearBuffer(buffer: object): void;
  finish(): object;
}

/** GPUSupportedLimits. */
export interface GpuLimits {
  readonly maxStorageBufferBindingSize: number;
  readonly maxBufferSize: number;
  readonly maxComputeWorkgroupsPerDimension: number;
}

/** GPUDevice. */
export interface GpuDevice {
  readonly limits: GpuLimits;
  /** Settles when the device is gone. */
  readonly lost: Promise<{ readonly reason: string; readonly message: string }>;
  readonly queue: {
    submit(commands: Iterable<object>): void;
    onSubmittedWorkDone(): Promise<unknown>;
    writeBuffer(
      buffer: object,
      bufferOffset: number,
      data: ArrayBufferView<ArrayBuffer>,
      dataOffset?: number,
      size?: number,
    ): void;
  };
  createBuffer(descriptor: { readonly size: number; readonly usage: number }): GpuBuffer;
  createShaderModule(descriptor: { readonly code: string }): object;
  createComputePipelineAsync(descriptor: {
    readonly layout: "auto" | object;
    readonly compute: {
      readonly module: object;
      readonly entryPoint?: string;
      readonly constants?: Record<string, number>;
    };
  }): Promise<GpuPipeline>;
  createBindGroup(descriptor: {
    readonly layout: object;
    readonly entries: Iterable<{ readonly binding: number; readonly resource: object }>;
  }): object;
  createCommandEncoder(): GpuCommandEncoder;
  pushErrorScope(filter: "validation" | "out-of-memory" | "internal"): void;
  popErrorScope(): Promise<{ readonly message: string } | null>;
  destroy(): void;
}

/** GPUAdapter. */
export interface GpuAdapter {
  readonly limits: GpuLimits;
  requestDevice(descriptor: { readonly requiredLimits: Record<string, number> }): Promise<GpuDevice>;
}

/** GPU, the value of `navigator.gpu`. */
export interface Gpu {
  requestAdapter(options?: {
    readonly powerPreference?: "low-power" | "high-performance";
  }): Promise<GpuAdapter | null>;
}

/** Options of {@link requestGpuDevice}. */
export interface GpuDeviceOptions {
  /** Where to ask; default `navigator.gpu`. */
  readonly gpu?: Gpu;
}

/**
 * Asks for a device with the adapter's own limits of buffer sizes (default limits are 128 MiB a binding).
 *
 * @returns `undefined` where there is no WebGPU, no adapter or no device: an expected absence, never an error
 */
export async function requestGpuDevice(options: GpuDeviceOptions = {}): Promise<GpuDevice | undefined> {
  const platform = globalThis as { readonly navigator?: { readonly gpu?: Gpu } };
  const gpu = options.gpu ?? platform.navigator?.gpu;
  if (gpu === undefined || gpu === null) return undefined;
  try {
    const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
    if (adapter === null) return undefined;
    const { maxStorageBufferBindingSize, maxBufferSize } = adapter.limits;
    return await adapter.requestDevice({
      requiredLimits: { maxStorageBufferBindingSize, maxBufferSize },
    });
  } catch {
    // Drivers that refuse are like no driver.
    return undefined;
  }
}
