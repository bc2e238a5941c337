/**
 * The little of dcmjs that benches use; the package ships no types of its own.
 */
declare module "dcmjs" {
  interface DicomDict {
    dict: Record<string, { vr: string; Value: unknown[] }>;
    write(): ArrayBuffer;
  }
  const dcmjs: {
    readonly data: { readonly DicomMessage: { readFile(buffer: ArrayBuffer): DicomDict } };
    readonly log: { setLevel(level: number): void };
  };
  export default dcmjs;
}
