/** Upper bounds of histograms in seconds, the same as the server's. */
export declare const buckets: number[];
