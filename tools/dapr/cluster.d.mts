export interface DaprProgram {
  readonly pid: number | undefined
  readonly alive: boolean
  readonly log: string
  start(): void
  /** SIGKILL. */
  kill(): Promise<void>
  /** SIGTERM. */
  stop(): Promise<void>
}

export interface AppOptions {
  readonly activities?: number
  readonly workflows?: number
  /** As of daprd's flag. Default: `64Mi`. */
  readonly maxBodySize?: string
}

export interface DaprApp {
  readonly id: string
  readonly host: string
  /** The file of the state store. */
  readonly database: string
  readonly grpcPort: number
  readonly httpPort: number
  readonly pid: number | undefined
  start(): Promise<void>
  kill(): Promise<void>
  stop(): Promise<void>
}

export interface DaprCluster {
  readonly placement: DaprProgram
  readonly scheduler: DaprProgram
  app(id: string, options?: AppOptions): Promise<DaprApp>
  stop(): Promise<void>
}

export function listeningApp(): Promise<Pick<DaprApp, 'id' | 'host' | 'grpcPort' | 'httpPort'> | undefined>
export function startCluster(folder: string): Promise<DaprCluster>
export function freePort(): Promise<number>
