import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Failed, Skeleton } from "./empty";

/** Draws a query: its loading, its failure, or what it found. */
export function Ask<T>({
  query,
  children,
  loading,
  page = false,
}: {
  query: UseQueryResult<T>;
  children: (data: T) => ReactNode;
  loading?: ReactNode;
  /** There is no page without it. */
  page?: boolean;
}) {
  if (query.data !== undefined) return <>{children(query.data)}</>;
  if (query.isError)
    return <Failed error={query.error} retry={() => void query.refetch()} page={page} className="flex-1" />;
  return <>{loading ?? <Skeleton />}</>;
}
