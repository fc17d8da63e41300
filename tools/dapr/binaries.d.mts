export interface DaprBinaries {
  readonly daprd: string
  readonly placement: string
  readonly scheduler: string
}

export function daprBinaries(): DaprBinaries
